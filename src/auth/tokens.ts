import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';
import { normalizeUserName } from '../domain/user-name.ts';
import type { Clock, SessionTokens, VerifiedPrincipal } from '../ports.ts';

export interface TokenOptions {
  /** At least 32 bytes: HS256 requires a key that is no shorter than its hash (RFC 7518, 3.2). */
  readonly secretKey: string;
  /** Tokens that were signed with one of these keys are still valid. */
  readonly previousSecretKeys?: readonly string[];
  /** If defined, new tokens contain it, and only tokens that contain it are valid. */
  readonly issuer?: string | undefined;
  /** As `issuer`. */
  readonly audience?: string | undefined;
  readonly expiresInSeconds: number;
  /** Returns the second, since the epoch, up to which the user's tokens are revoked; undefined if none is. */
  readonly revokedUntil?: (user: string) => number | undefined;
  readonly clock: Clock;
}

interface KnownToken extends VerifiedPrincipal {
  readonly expiresAt: number;
  /** 0 if the token does not contain it. */
  readonly issuedAtSeconds: number;
}

/** All principals see all data. */
const SEES_ALL = 'all';

/** Verified tokens are remembered, since checking a signature costs more than most responses do. The signing key is in the same memory. */
const MAX_KNOWN_TOKENS = 10_000;

/** Issues and verifies JSON Web Tokens, signed with HS256 and no other algorithm. */
export function createTokens(options: TokenOptions): SessionTokens {
  const { secretKey, previousSecretKeys = [], expiresInSeconds, revokedUntil = () => undefined, clock } = options;
  const key = bytesOf(secretKey);
  const keys = [key, ...previousSecretKeys.map(bytesOf)];
  const knownTokens = new Map<string, KnownToken>();

  function remember(text: string, token: KnownToken): void {
    const [oldest] = knownTokens.keys();
    if (knownTokens.size >= MAX_KNOWN_TOKENS && oldest !== undefined) knownTokens.delete(oldest);
    knownTokens.set(text, token);
  }

  /** Checked at every use: a token that was valid a moment ago may have been revoked since. */
  function unlessRevoked(token: KnownToken): VerifiedPrincipal | undefined {
    const until = revokedUntil(token.name);
    return until === undefined || token.issuedAtSeconds > until ? token : undefined;
  }

  function unexpired(text: string): KnownToken | undefined {
    const token = knownTokens.get(text);
    return token !== undefined && clock() < token.expiresAt ? token : undefined;
  }

  return {
    expiresInSeconds,
    recall(text) {
      const known = unexpired(text);
      return known && unlessRevoked(known);
    },
    async issue(user) {
      const now = Math.floor(clock() / 1000);
      return new SignJWT({ ...claimsOf(options), type: 'access', fresh: false })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(user)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(key);
    },
    async verify(text) {
      const known = unexpired(text);
      if (known !== undefined) return unlessRevoked(known);
      knownTokens.delete(text);
      const verified = await verifySignature(text, keys, {
        ...requirementsOf(options),
        currentDate: new Date(clock()),
      });
      if (verified === undefined) return undefined;
      remember(text, verified);
      return unlessRevoked(verified);
    },
  };
}

function bytesOf(secretKey: string): Uint8Array {
  return new TextEncoder().encode(secretKey);
}

function claimsOf({ issuer, audience }: TokenOptions): JWTPayload {
  return { ...(issuer !== undefined && { iss: issuer }), ...(audience !== undefined && { aud: audience }) };
}

/** In addition to the signature: `exp` must be present and ahead, `nbf` in the past, and issuer and audience as configured. */
function requirementsOf({ issuer, audience }: TokenOptions): JWTVerifyOptions {
  return {
    algorithms: ['HS256'],
    requiredClaims: ['exp', 'sub'],
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

/** Returns undefined if the token is not valid. Its `type` must be that of an access token. */
async function verifySignature(
  token: string,
  keys: readonly Uint8Array[],
  requirements: JWTVerifyOptions,
): Promise<KnownToken | undefined> {
  const { sub, exp = 0, iat, type } = (await payloadOf(token, keys, requirements)) ?? {};
  const name: unknown = sub; // the library's type promises a string, and the token may hold anything
  if (type !== 'access' || typeof name !== 'string' || name === '') return undefined;
  return { name, key: normalizeUserName(name), visibility: SEES_ALL, expiresAt: exp * 1000, issuedAtSeconds: iat ?? 0 };
}

/** Tries all keys: tokens do not name theirs. There are few keys, and a header that clients write must not choose one. */
async function payloadOf(
  token: string,
  keys: readonly Uint8Array[],
  requirements: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  for (const key of keys) {
    try {
      return (await jwtVerify(token, key, requirements)).payload;
    } catch (error) {
      // After any other failure, the next key would fail too. The client learns only that its token is not valid.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return undefined;
    }
  }
  return undefined;
}

import { randomUUID } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../ports.ts';

export interface TokenOptions {
  /** At least 32 bytes: HS256 wants a key no shorter than its hash (RFC 7518, 3.2). */
  readonly secretKey: string;
  /** Tokens that were signed with one of them are still good. */
  readonly previousSecretKeys?: readonly string[];
  /** Where defined, it stands in every token, and has to. */
  readonly issuer?: string | undefined;
  /** The same. */
  readonly audience?: string | undefined;
  readonly expiresInSeconds: number;
  /** The second, since the epoch, up to which tokens of that user were issued in vain; undefined where none was. */
  readonly endedAt?: (user: string) => number | undefined;
  readonly clock: Clock;
}

/** The tokens that stand for a user who has signed in: HS256, and nothing but HS256. */
export interface Tokens {
  readonly expiresInSeconds: number;
  issue(user: string): Promise<string>;
  /** Whose token it is; undefined for one that is not ours, not valid any more, or not valid yet. */
  verify(token: string): Promise<Session | undefined>;
  /** The same at once, of a token that was verified before; undefined for any other, too. */
  recall(token: string): Session | undefined;
}

export interface Session {
  readonly user: string;
}

interface KnownToken extends Session {
  readonly expiresAt: number;
  /** 0 where the token does not say. */
  readonly issuedAtSeconds: number;
}

/** Verified tokens are remembered, since a signature costs more than most answers; in the same memory as the key that signs them. */
const MOST_KNOWN_TOKENS = 10_000;

export function createTokens(options: TokenOptions): Tokens {
  const { secretKey, previousSecretKeys = [], expiresInSeconds, endedAt = () => undefined, clock } = options;
  const key = bytesOf(secretKey);
  const keys = [key, ...previousSecretKeys.map(bytesOf)];
  const known = new Map<string, KnownToken>();

  function remember(text: string, token: KnownToken): void {
    const [oldest] = known.keys();
    if (known.size >= MOST_KNOWN_TOKENS && oldest !== undefined) known.delete(oldest);
    known.set(text, token);
  }

  /** Asked at every use: what was good a moment ago may have been ended since. */
  function unlessEnded(token: KnownToken): Session | undefined {
    const ended = endedAt(token.user);
    return ended === undefined || token.issuedAtSeconds > ended ? token : undefined;
  }

  function unexpired(text: string): KnownToken | undefined {
    const token = known.get(text);
    return token !== undefined && clock() < token.expiresAt ? token : undefined;
  }

  return {
    expiresInSeconds,
    recall(text) {
      const before = unexpired(text);
      return before && unlessEnded(before);
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
    async verify(token) {
      const before = unexpired(token);
      if (before !== undefined) return unlessEnded(before);
      known.delete(token);
      const verified = await verifySignature(token, keys, { ...demandsOf(options), currentDate: new Date(clock()) });
      if (verified === undefined) return undefined;
      remember(token, verified);
      return unlessEnded(verified);
    },
  };
}

function bytesOf(secretKey: string): Uint8Array {
  return new TextEncoder().encode(secretKey);
}

function claimsOf({ issuer, audience }: TokenOptions): JWTPayload {
  return { ...(issuer !== undefined && { iss: issuer }), ...(audience !== undefined && { aud: audience }) };
}

/** Besides the signature: `exp` must be there and ahead, `nbf` behind, and the token of whom and for whom we were told. */
function demandsOf({ issuer, audience }: TokenOptions): JWTVerifyOptions {
  return {
    algorithms: ['HS256'],
    requiredClaims: ['exp', 'sub'],
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  };
}

/** The `type`, too, must be that of an access token. */
async function verifySignature(
  token: string,
  keys: readonly Uint8Array[],
  demands: JWTVerifyOptions,
): Promise<KnownToken | undefined> {
  const { sub, exp = 0, iat, type } = (await payloadOf(token, keys, demands)) ?? {};
  const user: unknown = sub; // whatever the library's type says, it is what the token holds
  if (type !== 'access' || typeof user !== 'string' || user === '') return undefined;
  return { user, expiresAt: exp * 1000, issuedAtSeconds: iat ?? 0 };
}

/** No token says which key it was signed with: there are few, and a header that clients write is no place to choose one by. */
async function payloadOf(
  token: string,
  keys: readonly Uint8Array[],
  demands: JWTVerifyOptions,
): Promise<JWTPayload | undefined> {
  for (const key of keys) {
    try {
      return (await jwtVerify(token, key, demands)).payload;
    } catch (error) {
      // For any other reason the next key helps nothing. The client is told that its token is not valid, and no more.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return undefined;
    }
  }
  return undefined;
}

import { hash, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../ports.ts';

export interface TokenOptions {
  /** At least 32 bytes: HS256 wants a key no shorter than its hash (RFC 7518, 3.2). */
  readonly secretKey: string;
  readonly expiresInSeconds: number;
  readonly clock: Clock;
}

/** The tokens that stand for a user who has signed in: HS256, and nothing but HS256. */
export interface Tokens {
  issue(user: string): Promise<string>;
  /** Whose token it is; undefined for one that is not ours, not valid any more, or not valid yet. */
  verify(token: string): Promise<Session | undefined>;
}

export interface Session {
  readonly user: string;
}

interface KnownToken extends Session {
  readonly expiresAt: number;
}

/** Verified tokens are remembered, since a signature costs more than most answers. By their hash: no token is kept. */
const MOST_KNOWN_TOKENS = 10_000;

export function createTokens({ secretKey, expiresInSeconds, clock }: TokenOptions): Tokens {
  const key = new TextEncoder().encode(secretKey);
  const known = new Map<string, KnownToken>();

  function remember(tokenHash: string, token: KnownToken): void {
    const [oldest] = known.keys();
    if (known.size >= MOST_KNOWN_TOKENS && oldest !== undefined) known.delete(oldest);
    known.set(tokenHash, token);
  }

  return {
    async issue(user) {
      const now = Math.floor(clock() / 1000);
      return new SignJWT({ type: 'access', fresh: false })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(user)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + expiresInSeconds)
        .sign(key);
    },
    async verify(token) {
      const tokenHash = hash('sha256', token, 'base64');
      const before = known.get(tokenHash);
      if (before !== undefined && clock() < before.expiresAt) return before;
      known.delete(tokenHash);
      const verified = await verifySignature(token, key, clock());
      if (verified !== undefined) remember(tokenHash, verified);
      return verified;
    },
  };
}

/** Besides the signature: `exp` must be there and ahead, `nbf` behind, and the `type` that of an access token. */
async function verifySignature(token: string, key: Uint8Array, now: number): Promise<KnownToken | undefined> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now),
    });
    const user: unknown = payload.sub; // whatever the library's type says, it is what the token holds
    if (payload['type'] !== 'access' || typeof user !== 'string' || user === '') return undefined;
    return { user, expiresAt: (payload.exp ?? 0) * 1000 };
  } catch {
    return undefined; // for whatever reason: the client is told that its token is not valid, and no more
  }
}

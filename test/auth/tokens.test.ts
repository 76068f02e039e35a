import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { createTokens, type TokenOptions } from '../../src/auth/tokens.ts';

const SECRET = 'a-secret-key-of-at-least-32-bytes-for-tests';
const START = Date.UTC(2026, 0, 1);
const NOW = START / 1000;
const CLAIMS = { sub: 'alice', iat: NOW, nbf: NOW, exp: NOW + 60, jti: randomUUID(), type: 'access', fresh: false };

function tokensAt(clock: { now: number }, options: Partial<TokenOptions> = {}) {
  return createTokens({ secretKey: SECRET, expiresInSeconds: 60, clock: () => clock.now, ...options });
}

/** Makes a token by hand, signed with HMAC-SHA256 independent of its header. */
function craft(claims: object, header: object = { alg: 'HS256', typ: 'JWT' }, secret = SECRET): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const verify = (token: string) => tokensAt({ now: START }).verify(token);

test('issues tokens with the claims of the original service', async () => {
  const tokens = tokensAt({ now: START });
  const token = await tokens.issue('jürgen');
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
  const claims = decodeJwt(token);
  expect(claims).toEqual({ ...CLAIMS, sub: 'jürgen', jti: claims.jti });
  expect(claims.jti).toMatch(/^[0-9a-f-]{36}$/);
  expect(await tokens.verify(token)).toMatchObject({ name: 'jürgen' });
});

test('rejects a token that has expired, even if it was verified before', async () => {
  const clock = { now: START };
  const tokens = tokensAt(clock);
  const token = await tokens.issue('alice');
  for (const [seconds, isValid] of [
    [0, true],
    [59, true],
    [60, false],
    [61, false],
  ] as const) {
    clock.now = START + seconds * 1000;
    expect((await tokens.verify(token)) !== undefined, `after ${seconds} s`).toBe(isValid);
  }
});

test('accepts a token that another program has signed with the key', async () => {
  expect(await verify(craft(CLAIMS))).toMatchObject({ name: 'alice' });
});

test('rejects tokens with another key, type or time, and tokens without a required claim', async () => {
  const { sub: _sub, ...withoutUser } = CLAIMS;
  const { exp: _exp, ...withoutEnd } = CLAIMS;
  const wrong = {
    'another key': craft(CLAIMS, undefined, 'another-secret-key-of-at-least-32-bytes'),
    'a refresh token': craft({ ...CLAIMS, type: 'refresh' }),
    'no type': craft({ ...CLAIMS, type: undefined }),
    'not yet valid': craft({ ...CLAIMS, nbf: NOW + 30 }),
    expired: craft({ ...CLAIMS, exp: NOW - 1 }),
    'no user': craft(withoutUser),
    'an empty user': craft({ ...CLAIMS, sub: '' }),
    'a number for a user': craft({ ...CLAIMS, sub: 5 }),
    'no end': craft(withoutEnd),
    'an end that is no number': craft({ ...CLAIMS, exp: 'later' }),
    nonsense: 'abc',
    'three empty parts': '..',
    'nothing at all': '',
  };
  for (const [what, token] of Object.entries(wrong)) expect(await verify(token), what).toBeUndefined();
});

test('rejects other algorithms, and none', async () => {
  const [header, payload] = craft(CLAIMS, { alg: 'none', typ: 'JWT' }).split('.');
  expect(await verify(`${header}.${payload}.`)).toBeUndefined();
  expect(await verify(craft(CLAIMS, { alg: 'HS512' }))).toBeUndefined();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [rsHeader, rsPayload] = craft(CLAIMS, { alg: 'RS256' }).split('.');
  const signature = sign('sha256', Buffer.from(`${rsHeader}.${rsPayload}`), privateKey).toString('base64url');
  expect(await verify(`${rsHeader}.${rsPayload}.${signature}`)).toBeUndefined();
});

test('rejects a token in which one character was changed', async () => {
  const token = craft(CLAIMS);
  const tokens = tokensAt({ now: START });
  expect(await tokens.verify(token)).toBeDefined();
  for (const at of [0, Math.floor(token.length / 2), token.length - 10]) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    expect(await tokens.verify(changed)).toBeUndefined();
  }
});

test('accepts tokens of previous keys, and signs new tokens with the current key', async () => {
  const [oldest, old, current] = ['oldest', 'old', 'new'].map((name) => `${name}, a key with commas of over 32 bytes`);
  const clock = { now: START };
  const before = await tokensAt(clock, { secretKey: oldest as string }).issue('alice');
  const listing = tokensAt(clock, { secretKey: current as string, previousSecretKeys: [old, oldest] as string[] });
  expect(await listing.verify(before)).toMatchObject({ name: 'alice' });
  const after = await listing.issue('alice');
  expect(await tokensAt(clock, { secretKey: current as string }).verify(after)).toBeDefined();
  expect(await tokensAt(clock, { secretKey: old as string }).verify(after)).toBeUndefined();
  for (const previousSecretKeys of [[], [old as string]])
    expect(await tokensAt(clock, { secretKey: current as string, previousSecretKeys }).verify(before)).toBeUndefined();
});

test('rejects an otherwise invalid token that is signed with a previous key', async () => {
  const tokens = tokensAt({ now: START }, { secretKey: 'x'.repeat(32), previousSecretKeys: [SECRET] });
  expect(await tokens.verify(craft(CLAIMS))).toBeDefined();
  for (const claims of [{ exp: NOW - 1 }, { nbf: NOW + 30 }, { type: 'refresh' }, { sub: '' }])
    expect(await tokens.verify(craft({ ...CLAIMS, ...claims }))).toBeUndefined();
});

test('requires the configured issuer and audience, and puts them into new tokens', async () => {
  const tokens = tokensAt({ now: START }, { issuer: 'https://usage.example', audience: 'usage' });
  const token = await tokens.issue('alice');
  expect(decodeJwt(token)).toMatchObject({ iss: 'https://usage.example', aud: 'usage' });
  const right = { ...CLAIMS, iss: 'https://usage.example', aud: 'usage' };
  for (const valid of [token, craft(right), craft({ ...right, aud: ['other', 'usage'] })])
    expect(await tokens.verify(valid)).toMatchObject({ name: 'alice' });
  const wrong = [
    { iss: 'https://other.example' },
    { iss: undefined },
    { iss: '' },
    { iss: ['https://usage.example'] },
    { aud: 'other' },
    { aud: undefined },
    { aud: [] },
    { aud: ['other'] },
    { aud: 'usage ' },
  ];
  for (const claims of wrong)
    expect(await tokens.verify(craft({ ...right, ...claims })), JSON.stringify(claims)).toBeUndefined();
});

test('neither adds nor requires an issuer and an audience that are not configured', async () => {
  expect(Object.keys(decodeJwt(await tokensAt({ now: START }).issue('alice')))).not.toContain('iss');
  expect(await verify(craft({ ...CLAIMS, iss: 'anybody', aud: 'anybody' }))).toBeDefined();
});

test('rejects revoked tokens, even if they were verified before, and accepts later ones', async () => {
  const clock = { now: START };
  const revoked = new Map<string, number>();
  const tokens = tokensAt(clock, { revokedUntil: (user) => revoked.get(user) });
  const [alice, bob] = [await tokens.issue('alice'), await tokens.issue('bob')];
  const withoutTime = craft({ ...CLAIMS, iat: undefined });
  for (const token of [alice, bob, withoutTime]) expect(await tokens.verify(token)).toBeDefined();
  revoked.set('alice', NOW);
  expect(await tokens.verify(alice)).toBeUndefined();
  expect(await tokens.verify(withoutTime)).toBeUndefined();
  expect(await tokens.verify(bob)).toBeDefined();
  // Tokens contain whole seconds: a token of that second may have been issued before the revocation.
  expect(await tokens.verify(await tokens.issue('alice'))).toBeUndefined();
  clock.now += 1000;
  const later = await tokens.issue('alice');
  expect(await tokens.verify(later)).toBeDefined();
  expect(await tokens.verify(alice)).toBeUndefined();
  revoked.clear();
  expect(await tokens.verify(alice)).toBeDefined();
});

import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, test } from 'vitest';
import { createTokens, type TokenOptions } from '../../src/auth/tokens.ts';

const SECRET = 'a-secret-key-of-at-least-32-bytes-for-tests';
const START = Date.UTC(2026, 0, 1);
const NOW = START / 1000;
const GOOD = { sub: 'alice', iat: NOW, nbf: NOW, exp: NOW + 60, jti: randomUUID(), type: 'access', fresh: false };

function tokensAt(clock: { now: number }, options: Partial<TokenOptions> = {}) {
  return createTokens({ secretKey: SECRET, expiresInSeconds: 60, clock: () => clock.now, ...options });
}

/** A token made by hand, signed as its header says. */
function craft(claims: object, header: object = { alg: 'HS256', typ: 'JWT' }, secret = SECRET): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const verify = (token: string) => tokensAt({ now: START }).verify(token);

test('a token holds what the original put into it, and names its user', async () => {
  const tokens = tokensAt({ now: START });
  const token = await tokens.issue('jürgen');
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
  const claims = decodeJwt(token);
  expect(claims).toEqual({ ...GOOD, sub: 'jürgen', jti: claims.jti });
  expect(claims.jti).toMatch(/^[0-9a-f-]{36}$/);
  expect(await tokens.verify(token)).toMatchObject({ name: 'jürgen' });
});

test('a token ends when it says so, also one that was seen before', async () => {
  const clock = { now: START };
  const tokens = tokensAt(clock);
  const token = await tokens.issue('alice');
  for (const [seconds, isGood] of [
    [0, true],
    [59, true],
    [60, false],
    [61, false],
  ] as const) {
    clock.now = START + seconds * 1000;
    expect((await tokens.verify(token)) !== undefined, `after ${seconds} s`).toBe(isGood);
  }
});

test('a token crafted with the right key by another program is good', async () => {
  expect(await verify(craft(GOOD))).toMatchObject({ name: 'alice' });
});

test('a token of another key, another kind, another time, or with something missing is not', async () => {
  const { sub: _sub, ...withoutUser } = GOOD;
  const { exp: _exp, ...withoutEnd } = GOOD;
  const wrong = {
    'another key': craft(GOOD, undefined, 'another-secret-key-of-at-least-32-bytes'),
    'a refresh token': craft({ ...GOOD, type: 'refresh' }),
    'no type': craft({ ...GOOD, type: undefined }),
    'not yet valid': craft({ ...GOOD, nbf: NOW + 30 }),
    expired: craft({ ...GOOD, exp: NOW - 1 }),
    'no user': craft(withoutUser),
    'an empty user': craft({ ...GOOD, sub: '' }),
    'a number for a user': craft({ ...GOOD, sub: 5 }),
    'no end': craft(withoutEnd),
    'an end that is no number': craft({ ...GOOD, exp: 'later' }),
    nonsense: 'abc',
    'three empty parts': '..',
    'nothing at all': '',
  };
  for (const [what, token] of Object.entries(wrong)) expect(await verify(token), what).toBeUndefined();
});

test('no other algorithm is taken, and none is none', async () => {
  const [header, payload] = craft(GOOD, { alg: 'none', typ: 'JWT' }).split('.');
  expect(await verify(`${header}.${payload}.`)).toBeUndefined();
  expect(await verify(craft(GOOD, { alg: 'HS512' }))).toBeUndefined();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [rsHeader, rsPayload] = craft(GOOD, { alg: 'RS256' }).split('.');
  const signature = sign('sha256', Buffer.from(`${rsHeader}.${rsPayload}`), privateKey).toString('base64url');
  expect(await verify(`${rsHeader}.${rsPayload}.${signature}`)).toBeUndefined();
});

test('changing one character of a token makes it worthless', async () => {
  const token = craft(GOOD);
  const tokens = tokensAt({ now: START });
  expect(await tokens.verify(token)).toBeDefined();
  for (const at of [0, Math.floor(token.length / 2), token.length - 10]) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    expect(await tokens.verify(changed)).toBeUndefined();
  }
});

test('a token of a previous key is good as long as that key is listed, and new ones are signed with the new key', async () => {
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

test('no previous key makes good what is wrong with a token otherwise', async () => {
  const tokens = tokensAt({ now: START }, { secretKey: 'x'.repeat(32), previousSecretKeys: [SECRET] });
  expect(await tokens.verify(craft(GOOD))).toBeDefined();
  for (const claims of [{ exp: NOW - 1 }, { nbf: NOW + 30 }, { type: 'refresh' }, { sub: '' }])
    expect(await tokens.verify(craft({ ...GOOD, ...claims }))).toBeUndefined();
});

test('with an issuer and an audience, tokens hold both, and have to', async () => {
  const tokens = tokensAt({ now: START }, { issuer: 'https://usage.example', audience: 'usage' });
  const token = await tokens.issue('alice');
  expect(decodeJwt(token)).toMatchObject({ iss: 'https://usage.example', aud: 'usage' });
  const right = { ...GOOD, iss: 'https://usage.example', aud: 'usage' };
  for (const good of [token, craft(right), craft({ ...right, aud: ['other', 'usage'] })])
    expect(await tokens.verify(good)).toMatchObject({ name: 'alice' });
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

test('without an issuer and an audience, tokens hold none, and may', async () => {
  expect(Object.keys(decodeJwt(await tokensAt({ now: START }).issue('alice')))).not.toContain('iss');
  expect(await verify(craft({ ...GOOD, iss: 'anybody', aud: 'anybody' }))).toBeDefined();
});

test('tokens that were ended are not good any more, also those that were known, and later ones are', async () => {
  const clock = { now: START };
  const ended = new Map<string, number>();
  const tokens = tokensAt(clock, { revokedUntil: (user) => ended.get(user) });
  const [alice, bob] = [await tokens.issue('alice'), await tokens.issue('bob')];
  const withoutTime = craft({ ...GOOD, iat: undefined });
  for (const token of [alice, bob, withoutTime]) expect(await tokens.verify(token)).toBeDefined();
  ended.set('alice', NOW);
  expect(await tokens.verify(alice)).toBeUndefined();
  expect(await tokens.verify(withoutTime)).toBeUndefined();
  expect(await tokens.verify(bob)).toBeDefined();
  // Tokens tell whole seconds: what was issued in the very second may have been issued before.
  expect(await tokens.verify(await tokens.issue('alice'))).toBeUndefined();
  clock.now += 1000;
  const later = await tokens.issue('alice');
  expect(await tokens.verify(later)).toBeDefined();
  expect(await tokens.verify(alice)).toBeUndefined();
  ended.clear();
  expect(await tokens.verify(alice)).toBeDefined();
});

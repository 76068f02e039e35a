import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { type Access, accessOf, createAdmission, type Route } from '../../src/http/admission.ts';
import { createHostCheck } from '../../src/http/host-check.ts';
import { createRequestLimits } from '../../src/http/request-limits.ts';
import type { VerifiedPrincipal } from '../../src/ports.ts';

const SIGNED_IN: Access = { isForAnyHost: false, isLimited: true, needsToken: true };
const ALICE: VerifiedPrincipal = { name: 'alice', key: 'alice', visibility: 'all' };

/** Two requests a minute for each address and user. The token `known` was verified before, `new` was not. */
function createTestAdmission() {
  const verified: string[] = [];
  const admit = createAdmission({
    problemOfHost: createHostCheck(['usage.example']),
    limits: createRequestLimits({ requestsPerAddress: 2, requestsPerUser: 2, steadyClock: () => 0 }),
    tokens: {
      recall: (token) => (token === 'known' ? ALICE : undefined),
      async verify(token) {
        verified.push(token);
        return token === 'new' ? ALICE : undefined;
      },
    },
    signInPath: '/auth_token',
  });
  return { admit, verified };
}

function request(headers: Readonly<Record<string, string>>, further: readonly string[] = []): IncomingMessage {
  const all: Readonly<Record<string, string>> = { host: 'usage.example', authorization: 'Bearer known', ...headers };
  const rawHeaders = [...Object.entries(all).flat(), ...further];
  return { headers: all, rawHeaders, httpVersionMinor: 1 } as unknown as IncomingMessage;
}

const ADDRESSES = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const [HERE] = ADDRESSES;

test('admits a request with a token that was verified before without waiting', () => {
  const { admit, verified } = createTestAdmission();
  expect(admit(request({}), HERE, SIGNED_IN)).toEqual({ status: 'admitted', principal: ALICE, headers: undefined });
  expect(verified).toEqual([]);
});

test('verifies a token that is new', async () => {
  const { admit } = createTestAdmission();
  const admission = admit(request({ authorization: 'Bearer new' }), HERE, SIGNED_IN);
  expect(admission).toBeInstanceOf(Promise);
  expect(await admission).toMatchObject({ status: 'admitted', principal: ALICE });
});

test('checks the host, the headers, the limit of the address, the token and the limit of the user, in this order', async () => {
  const { admit } = createTestAdmission();
  const statusOf = async (
    headers: Readonly<Record<string, string>>,
    address: string,
    further: readonly string[] = [],
  ): Promise<number> => {
    const admission = await admit(request(headers, further), address, SIGNED_IN);
    return admission.status === 'refused' ? admission.problem.status : 200;
  };
  const otherHost = { host: 'elsewhere.example' };
  const wrongToken = { authorization: 'Bearer wrong' };
  const twoTokens = ['authorization', 'Bearer known'];
  const exhausted = ADDRESSES[1];
  expect([await statusOf({}, exhausted), await statusOf({}, exhausted)]).toEqual([200, 200]); // address and user are exhausted
  expect(await statusOf({ ...otherHost, ...wrongToken }, exhausted, twoTokens)).toBe(421);
  expect(await statusOf(wrongToken, exhausted, twoTokens)).toBe(400);
  expect(await statusOf(wrongToken, exhausted)).toBe(429);
  expect(await statusOf(wrongToken, HERE)).toBe(401);
  expect(await statusOf({}, HERE)).toBe(429);
});

test('counts neither a request that is refused before its limit nor one with an invalid token against the user', async () => {
  const { admit } = createTestAdmission();
  for (let i = 0; i < 5; i++) await admit(request({ host: 'elsewhere.example' }), HERE, SIGNED_IN);
  for (const address of ADDRESSES) await admit(request({ authorization: 'Bearer wrong' }), address, SIGNED_IN);
  expect(await admit(request({}), HERE, SIGNED_IN)).toMatchObject({ status: 'admitted' });
});

test('skips the checks that the route does not require', async () => {
  const { admit } = createTestAdmission();
  const probe = { isForAnyHost: true, isLimited: false, needsToken: false };
  for (let i = 0; i < 5; i++) {
    const admission = admit(request({ host: 'elsewhere.example', authorization: '' }), HERE, probe);
    expect(admission).toEqual({ status: 'admitted', principal: undefined, headers: undefined });
  }
});

test('a request that no handler gets needs no token, and keeps the other exceptions of its route', () => {
  const route: Route = { label: '/health/live', methods: ['GET'], access: { ...SIGNED_IN, isForAnyHost: true } };
  expect(accessOf(route, 'GET')).toEqual({ isForAnyHost: true, isLimited: true, needsToken: true });
  expect(accessOf(route, 'HEAD')).toEqual({ isForAnyHost: true, isLimited: true, needsToken: true });
  expect(accessOf(route, 'PUT')).toEqual({ isForAnyHost: true, isLimited: true, needsToken: false });
  expect(accessOf(undefined, 'GET')).toEqual({ isForAnyHost: false, isLimited: true, needsToken: false });
});

import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import type { Principal, VerifiedPrincipal } from '../../src/ports.ts';
import { readJsonLines } from '../support/fixture.ts';
import { emptySnapshot, sampleRepository, sampleTag } from '../support/sample-snapshot.ts';
import { createTestServer } from '../support/server.ts';

/* Repeats every request that was recorded with the original service. The response must have the recorded status, and a body with at least the
 * recorded fields, except for the deviations below, each with its reason. */

interface Exchange {
  readonly name: string;
  readonly request: {
    readonly service: string;
    readonly method: string;
    readonly target: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string | object | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string | null;
  };
}

const exchanges = readJsonLines<Exchange>('original/requests.jsonl');

const BOTH_READINGS = 'the path is ambiguous, and the response links to both resources';
const INJECTION = 'a user name is never part of a filter';
const TOKEN_ERROR = 'every invalid token gets 401 invalid_token';
const ENTRY_POINT = 'the root is the entry point';
const DECODED = 'plain slashes are resolved against the existing repositories';

/** The requests whose status differs from the recorded one. */
const OTHER_STATUS: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  'auth-inject-prefix-star': [401, INJECTION],
  'auth-inject-and-alice': [401, INJECTION],
  'auth-inject-gid-bypass2': [401, INJECTION],
  'auth-inject-gid-bypass3': [401, INJECTION],
  'auth-inject-open': [401, INJECTION],
  'auth-backslash': [401, INJECTION],
  'tok-alg-none': [401, TOKEN_ERROR],
  'tok-refresh-type': [401, TOKEN_ERROR],
  'tok-no-sub': [401, TOKEN_ERROR],
  'tok-no-exp': [401, 'the service issues no token without an expiry'],
  'tok-int-sub': [401, 'the service issues no token without a user name'],
  'tok-minimal': [401, 'the service issues no token without an expiry'],
  'repos-doubleslash': [404, 'the path does not exist'],
  root: [200, ENTRY_POINT],
  'prefix-root': [200, ENTRY_POINT],
  'prefix-root-slash': [200, ENTRY_POINT],
  'repo-endtags-raw': [300, BOTH_READINGS],
  'repo-endtags-tags-raw': [200, DECODED],
  'repo-endtags-tag-raw': [200, DECODED],
  'repo-collide-raw': [300, BOTH_READINGS],
  'repo-collide-tag-raw': [200, DECODED],
  'tag-raw': [300, BOTH_READINGS],
  'tag-raw?links=true&embed=true': [300, BOTH_READINGS],
  'tags-no-repo2': [404, 'no redirect to a path that does not exist'],
};

const snapshot = readSnapshot();
const servers = new Map<string, FastifyInstance>();

beforeAll(async () => {
  for (const service of new Set(exchanges.map(({ request }) => request.service))) {
    const { server } = createTestServer({
      prefix: prefixOf(service),
      snapshots: { latest: () => ({ ...snapshot, finishedAt: timestampOf(service) * 1000 }) },
      directory: { authenticate: async (user, password) => authenticate(user, password) },
      tokens: {
        expiresInSeconds: 60,
        issue: async (user) => `token-of-${user}`,
        verify: async (token) => verifyRecorded(token),
        recall: () => undefined,
      },
    });
    await server.ready();
    servers.set(service, server);
  }
});

afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

/** Bob is in the directory, but not in the group. */
const PEOPLE: ReadonlyMap<string, string> = new Map([
  ['alice', 'alice-secret'],
  ['jürgen', 'pä:s:wörd'],
]);

function authenticate(user: string, password: string): Principal | undefined {
  return PEOPLE.get(user.trim().toLowerCase()) === password ? { name: user, groups: [] } : undefined;
}

for (const sendOnce of exchanges) {
  const [status, reason] = OTHER_STATUS[sendOnce.name] ?? [sendOnce.response.status, undefined];
  test(`${sendOnce.name}: ${reason ?? 'as recorded'}`, async () => {
    const server = servers.get(sendOnce.request.service) as FastifyInstance;
    const { method, target, headers, body } = sendOnce.request;
    if (method === 'FOO') return expect(server.supportedMethods).not.toContain(method); // the HTTP parser refuses it before us
    const response = await server.inject({
      method: method as 'GET',
      url: target.startsWith('//') ? `http://localhost${target}` : target,
      headers: Object.fromEntries(headers),
      ...(body === null ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    expect(response.statusCode).toBe(status);
    if (reason === undefined) expectSuperset(response.body, sendOnce);
  });
}

/** Compares JSON only. In the original, `self` links of tags and titles of tag links were wrong, and every link lacked the prefix. */
function expectSuperset(body: string, sendOnce: Exchange): void {
  const recorded = parseJson(sendOnce.response.body ?? '');
  if (recorded === undefined || sendOnce.request.method === 'HEAD') return;
  const ours = JSON.parse(body) as Record<string, unknown>;
  const wordsOnly =
    ['auth_token', 'msg'].find((key) => key in recorded) ??
    (sendOnce.name === 'repos-json-broken' ? 'message' : undefined);
  const prefix = prefixOf(sendOnce.request.service);
  if (wordsOnly !== undefined) expect(ours[wordsOnly]).toEqual(expect.any(String));
  else expect(normalised(ours)).toMatchObject(normalised(corrected(recorded, prefix)) as object);
}

/** The two instances of the original had crawled at different times. */
function timestampOf(service: string): number {
  const own = exchanges.filter(({ request }) => request.service === service);
  const recorded = own.map(({ response }) => parseJson(response.body ?? '')?.['timestamp']);
  return Number(recorded.find((timestamp) => timestamp !== undefined));
}

function prefixOf(service: string): string {
  return service.replace('prefix ', '').replace(/\/$/, '');
}

/** Sorts items by name; the original kept the order of the registry. */
function normalised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalised).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, normalised(inner)]));
}

function keyOf(item: unknown): string {
  const { name, href } = item as { name?: string; href?: string };
  return name ?? href ?? '';
}

/** Returns the recorded body without the known defects of the original. */
function corrected(value: unknown, prefix: string): unknown {
  if (Array.isArray(value)) return value.map((inner) => corrected(inner, prefix));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Record<string, unknown>).map(
    ([key, inner]) => [key, corrected(inner, prefix)] as const,
  );
  const fixed: Record<string, unknown> = Object.fromEntries(entries);
  const links = fixed['_links'] as { self?: { href: string }; collection?: { href: string } } | undefined;
  const collection = links?.collection?.href;
  if (links?.self && collection?.endsWith('/tags')) links.self.href = `${collection}/${String(fixed['name'])}`;
  const { href } = fixed;
  if (typeof href !== 'string') return fixed;
  const tag = /\/tags\/([^/]+)$/.exec(href)?.[1];
  if (tag !== undefined && 'title' in fixed) fixed['title'] = decodeURIComponent(tag);
  fixed['href'] = prefix + href;
  return fixed;
}

/** Reads the snapshot of the original from its response to `embed=true`. */
function readSnapshot(): Snapshot {
  const whole = exchanges.find(({ name }) => name === 'repos-embed-true')?.response.body ?? '';
  interface Recorded {
    readonly name: string;
    readonly size: number | null;
    readonly disk_size: number | null;
    readonly _embedded?: { readonly related?: Recorded; readonly items?: readonly Recorded[] };
  }
  const { timestamp, _embedded } = JSON.parse(whole) as {
    timestamp: number;
    _embedded: { items: readonly Recorded[] };
  };
  const repositories = _embedded.items.map(({ name, size, disk_size, _embedded }) => {
    const tags = _embedded?.related?._embedded?.items ?? [];
    return sampleRepository(
      name,
      size,
      disk_size,
      tags.map((tag) => sampleTag(tag.name, tag.size, tag.disk_size)),
    );
  });
  repositories.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...emptySnapshot(timestamp * 1000), repositories };
}

/** The recorded tokens have expired. Those that were valid when they were recorded are valid here. */
function verifyRecorded(token: string): VerifiedPrincipal | undefined {
  const [header = '', payload = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  const claims = parseJson(payload);
  if (parseJson(header)?.['alg'] !== 'HS256' || claims?.['type'] !== 'access') return undefined;
  const { sub, exp, iat } = claims as { sub?: unknown; exp?: number; iat?: number };
  const wasGood = typeof sub === 'string' && exp !== undefined && iat !== undefined && exp - iat > 1000;
  return wasGood ? { name: sub, key: sub, visibility: 'all' } : undefined;
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

import { afterEach, expect, test } from 'vitest';
import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import { connect, found } from '../support/registry-client.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

/* Two crawls share the answers to some questions. If one of them is aborted, the other must go on. */

const APP = 'group/app' as RepositoryName;
const WEB = 'group/web' as RepositoryName;
const ENDED = new Error('the first crawl has ended');
const CREDENTIALS = { username: 'crawler', accessToken: 'secret' } as const;
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Hanging {
  readonly server: StandIn;
  /** Returns how many requests there were for that path. */
  count(path: RegExp): number;
  /** Waits for that many requests. */
  asked(path: RegExp, times: number): Promise<void>;
}

/** A registry that never answers the first request for that path after `mayHang` returns true. */
async function hangingAt(
  path: RegExp,
  answer: (url: URL, authorization: string | undefined) => Answer,
  mayHang: () => boolean = () => true,
): Promise<Hanging> {
  let hasHung = false;
  const server = await startStandIn((request, url) => {
    if (hasHung || !mayHang() || !path.test(url.pathname)) return answer(url, request.headers.authorization);
    hasHung = true;
    return new Promise(() => undefined);
  });
  cleanups.push(server.stop);
  const count = (wanted: RegExp): number => server.requests.filter(({ url }) => wanted.test(url)).length;
  const asked = async (wanted: RegExp, times: number): Promise<void> => {
    while (count(wanted) < times) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { server, count, asked };
}

/** Starts a question of one crawl, lets two of another crawl wait for the same answer, and aborts the first crawl. */
async function endOne(
  { server, asked }: Hanging,
  path: RegExp,
  times: number,
  ask: (name: RepositoryName, signal: AbortSignal) => Promise<unknown>,
) {
  const [one, other] = [new AbortController(), new AbortController()];
  const ended = ask(APP, one.signal).catch((error: unknown) => error);
  await asked(path, times);
  const going = Promise.all([ask(APP, other.signal), ask(WEB, other.signal)]);
  // By then, their earlier requests have been answered.
  for (let trips = 0; trips < 2; trips++) await fetch(`${server.url}/meanwhile`);
  one.abort(ENDED);
  return { ended: await ended, going: await going };
}

const challenge = (url: string): Answer => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="${url}/jwt/auth",service="lab"` },
});
const TAGS = [{ name: 'v1' }];

test('asks again for the authentication scheme when the crawl that asked is aborted', async () => {
  const hanging = await hangingAt(/^\/v2\/$/, ({ pathname }) =>
    pathname === '/v2/' ? {} : { body: { tags: ['v1'] } },
  );
  const client = connect(hanging.server.url);
  expect(await endOne(hanging, /^\/v2\/$/, 1, client.tags)).toEqual({ ended: ENDED, going: [TAGS, TAGS] });
  expect(hanging.count(/^\/v2\/$/)).toBe(2);
});

test('asks again for a token when the crawl that asked is aborted', async () => {
  const hanging = await hangingAt(/^\/jwt\/auth$/, ({ pathname }, authorization) => {
    if (pathname === '/jwt/auth') return { body: { token: 'opaque' } };
    return authorization === undefined ? challenge(hanging.server.url) : { body: { tags: ['v1'] } };
  });
  const client = connect(hanging.server.url, { ...CREDENTIALS, discovery: 'list', repositories: [APP, WEB] });
  await found(client);
  expect(await endOne(hanging, /^\/jwt\/auth/, 1, client.tags)).toEqual({ ended: ENDED, going: [TAGS, TAGS] });
  expect(hanging.count(/^\/jwt\/auth/)).toBe(2);
});

test('probes the registry again when the crawl that probed is aborted', async () => {
  let isGivenUp = false;
  // The first `/v2/` is how to ask; the one that hangs is the probe, after a question that was given up.
  const hanging = await hangingAt(
    /^\/v2\/$/,
    ({ pathname }) => {
      isGivenUp ||= pathname !== '/v2/';
      return isGivenUp && pathname !== '/v2/' ? { status: 503 } : {};
    },
    () => isGivenUp,
  );
  const client = connect(hanging.server.url, { retries: 0 });
  const ask = (name: RepositoryName, signal: AbortSignal) =>
    client.manifest(name, 'v1' as TagName, signal).catch((error: { status?: number }) => error.status ?? error);
  expect(await endOne(hanging, /^\/v2\/$/, 2, ask)).toEqual({ ended: ENDED, going: [503, 503] });
  expect(hanging.count(/^\/v2\/$/)).toBe(3);
});

test('asks again for the GitLab listing when the crawl that asked is aborted', async () => {
  const hanging = await hangingAt(/^\/gitlab\/v1\/$/, ({ pathname }, authorization) => {
    if (pathname === '/jwt/auth') return { body: { token: 'opaque' } };
    if (authorization === undefined) return challenge(hanging.server.url);
    return { body: pathname === '/gitlab/v1/' ? {} : [{ name: 'v1' }] };
  });
  const { url } = hanging.server;
  const client = connect(url, { ...CREDENTIALS, gitlabUrl: `${url}/` });
  expect(await endOne(hanging, /^\/gitlab\/v1\/$/, 1, client.tags)).toEqual({ ended: ENDED, going: [TAGS, TAGS] });
  expect(hanging.count(/^\/gitlab\/v1\/$/)).toBe(2);
});

test('lets an aborted crawl end without the answer to a question of another crawl', async () => {
  const hanging = await hangingAt(/^\/v2\/$/, () => ({}));
  const client = connect(hanging.server.url);
  const [one, other] = [new AbortController(), new AbortController()];
  const asking = client.tags(APP, one.signal);
  await hanging.asked(/^\/v2\/$/, 1);
  const waiting = client.tags(APP, other.signal);
  other.abort(ENDED);
  await expect(waiting).rejects.toBe(ENDED);
  one.abort(ENDED);
  await expect(asking).rejects.toBe(ENDED);
});

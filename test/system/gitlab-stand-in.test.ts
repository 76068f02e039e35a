import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { blob, config, TYPES } from '../../lab/images.ts';
import { type GitlabLab, startGitlabLab } from '../support/gitlab-lab.ts';

/* The stand-in for GitLab's registry must answer as a real one does: version 4.39 with its metadata database. */

const APP = 'shop/app';
const NESTED = 'shop/app/tags/list';
const EMPTIED = 'shop/emptied';
const TAGS = ['1.0', '1.1', '2.0', 'latest', 'multi'];
const LAYER = blob('application/vnd.oci.image.layer.v1.tar', Buffer.alloc(700, 'l'));
const OTHER_LAYER = blob('application/vnd.oci.image.layer.v1.tar', Buffer.alloc(80, 'o'));
const FOREIGN = {
  mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  digest: `sha256:${'f'.repeat(64)}`,
  size: 5000,
  urls: ['https://layers.example.com/foreign'],
};
const SIGNATURE = 'application/vnd.example.signature';

let lab: GitlabLab;
let image: { readonly digest: string; readonly size: number };
let signatureDigest: string;

beforeAll(async () => {
  lab = await startGitlabLab(
    [
      { username: 'root', isAdmin: true },
      { username: 'member', isAdmin: false, mayPull: (name) => name === NESTED },
    ],
    [{ id: 1, path: 'shop', repositories: [NESTED, EMPTIED], members: ['member'] }],
  );
  const { pusher } = lab;
  image = await pusher.image(APP, '1.0', { config: config('one'), layers: [LAYER], foreign: [FOREIGN] });
  for (const tag of ['1.1', '2.0', 'latest'])
    await pusher.image(APP, tag, { config: config(tag), layers: [LAYER, OTHER_LAYER] });
  const child = { mediaType: TYPES.ociManifest, ...image };
  await pusher.manifest(APP, 'multi', TYPES.ociIndex, { schemaVersion: 2, manifests: [child] });
  const signature = { config: config('signature'), layers: [], artifactType: SIGNATURE, subject: child };
  ({ digest: signatureDigest } = await pusher.image(APP, undefined, signature));
  const only = await pusher.image(EMPTIED, 'v1', { config: config(EMPTIED), layers: [] });
  await pusher.deleteManifest(EMPTIED, only.digest);
});

afterAll(() => lab.remove());

afterEach(() => {
  lab.gitlab.faults.tagTimes = undefined;
});

async function get(path: string, headers: Record<string, string> = {}, username = 'root'): Promise<Response> {
  const token = await tokenOf(username);
  return fetch(`${lab.gitlab.registryUrl}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    redirect: 'manual',
  });
}

async function tokenOf(username: string): Promise<string> {
  const scopes = [APP, NESTED, EMPTIED, 'shop/gone', 'shop'].map((name) => `&scope=repository:${name}:pull`).join('');
  const url = `${lab.gitlab.url}/jwt/auth?service=container_registry${scopes}&scope=registry:catalog:*`;
  const authorization = `Basic ${Buffer.from(`${username}:token of ${username}`).toString('base64')}`;
  const { token } = (await (await fetch(url, { headers: { authorization } })).json()) as { token: string };
  return token;
}

const LIST = `/gitlab/v1/repositories/${APP}/tags/list/`;

async function namesOf(answer: Response): Promise<readonly string[]> {
  return ((await answer.json()) as { name: string }[]).map(({ name }) => name);
}

async function linksOf(answer: Response): Promise<Readonly<Record<string, string>>> {
  const links = [...(answer.headers.get('link') ?? '').matchAll(/<([^>]*)>; rel="(\w+)"/g)];
  return Object.fromEntries(links.map(([, target = '', rel = '']) => [rel, target]));
}

async function errorOf(answer: Response): Promise<object> {
  const { errors } = (await answer.json()) as { errors: readonly object[] };
  return { status: answer.status, ...errors[0] };
}

describe('the paths', () => {
  test('answers an empty object at the root of the API', async () => {
    const answer = await get('/gitlab/v1/');
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  });

  test('does not know the root without a slash, as plain text', async () => {
    const answer = await get('/gitlab/v1');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/plain; charset=utf-8']);
  });

  test('redirects other paths without a slash, with a relative location', async () => {
    const answer = await get(`${LIST.slice(0, -1)}?n=5`);
    expect([answer.status, answer.headers.get('location')]).toEqual([301, `${LIST}?n=5`]);
  });

  test('does not know referrers, as plain text', async () => {
    const answer = await get(`/v2/${APP}/referrers/${image.digest}`);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
  });

  test('takes the end of a repository name for its own, and demands access to another one', async () => {
    const misread = await get(`/gitlab/v1/repositories/${NESTED}/?size=self`, {}, 'member');
    expect(misread.status).toBe(401);
    expect((await get(`/gitlab/v1/repositories/${NESTED}/tags/list/`, {}, 'member')).status).toBe(200);
  });

  test('requires a token', async () => {
    const answer = await fetch(`${lab.gitlab.registryUrl}/gitlab/v1/`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain(`${lab.gitlab.url}/jwt/auth`);
  });

  test('names its version and its database at /v2/', async () => {
    const { headers } = await get('/v2/');
    expect(headers.get('gitlab-container-registry-version')).toBe('4.39.0-gitlab');
    expect(headers.get('gitlab-container-registry-database-enabled')).toBe('true');
  });
});

describe('the catalogue', () => {
  test('refuses more than a thousand names', async () => {
    expect(await errorOf(await get('/v2/_catalog?n=1001'))).toMatchObject({
      status: 400,
      code: 'PAGINATION_NUMBER_INVALID',
    });
  });

  test('omits repositories without manifests', async () => {
    const { repositories } = (await (await get('/v2/_catalog')).json()) as { repositories: string[] };
    expect(repositories).toEqual([APP, NESTED]);
  });
});

describe('the list of tags', () => {
  test('keeps n, sort and name in its links, and loses referrers, referrer_type and name_exact', async () => {
    const answer = await get(`${LIST}?n=1&sort=-name&name=.&referrers=true&referrer_type=${SIGNATURE}`);
    expect(await linksOf(answer)).toEqual({ next: `${LIST}?last=2.0&n=1&name=.&sort=-name` });
    const second = await get(`${LIST}?n=1&last=1.0`);
    expect(await linksOf(second)).toEqual({
      previous: `${LIST}?before=1.1&n=1`,
      next: `${LIST}?last=1.1&n=1`,
    });
  });

  test.each(['0', '1001', '-1'])('refuses n=%s as a wrong value', async (n) => {
    expect(await errorOf(await get(`${LIST}?n=${n}`))).toEqual({
      status: 400,
      code: 'INVALID_QUERY_PARAMETER_VALUE',
      message: 'invalid query parameter value',
      detail: expect.any(String),
    });
  });

  test('refuses n=abc as a wrong type', async () => {
    expect(await errorOf(await get(`${LIST}?n=abc`))).toMatchObject({
      status: 400,
      code: 'INVALID_QUERY_PARAMETER_TYPE',
      detail: expect.any(String),
    });
  });

  test.each(['sort=size', 'last=a&before=b', 'name=a&name_exact=a', 'name=%2F'])('refuses %s', async (query) => {
    expect(await errorOf(await get(`${LIST}?${query}`))).toMatchObject({
      status: 400,
      code: 'INVALID_QUERY_PARAMETER_VALUE',
    });
  });

  test('sorts by time, with markers in base64', async () => {
    const updated: Record<string, string> = { latest: '2025-01-01T00:00:00.000Z', '1.1': '2024-12-01T00:00:00.000Z' };
    lab.gitlab.faults.tagTimes = (_, tag) => ({
      created_at: '2024-05-06T07:08:09.123Z',
      ...(updated[tag] !== undefined && { updated_at: updated[tag] }),
    });
    const newest = await get(`${LIST}?n=2&sort=-published_at`);
    const { next = '' } = await linksOf(newest);
    expect(await newest.json()).toMatchObject([
      {
        name: 'latest',
        created_at: '2024-05-06T07:08:09.123Z',
        updated_at: updated['latest'],
        published_at: updated['latest'],
      },
      { name: '1.1', published_at: updated['1.1'] },
    ]);
    const query = new URLSearchParams(next.split('?')[1]);
    expect(Buffer.from(query.get('last') ?? '', 'base64').toString()).toBe('2024-12-01T00:00:00.000Z|1.1');
    expect(query.get('sort')).toBe('-published_at');
    expect(await namesOf(await get(next))).toEqual(['multi', '2.0']);
    expect(await namesOf(await get(`${LIST}?sort=published_at`))).toEqual(['1.0', '2.0', 'multi', '1.1', 'latest']);
  });

  test('adds the referrers of each tag on request', async () => {
    const all = (await (await get(`${LIST}?referrers=true`)).json()) as { name: string; referrers?: unknown }[];
    expect(all.filter(({ referrers }) => referrers !== undefined)).toMatchObject([
      { name: '1.0', referrers: [{ artifactType: SIGNATURE, digest: signatureDigest }] },
    ]);
    const others = await (await get(`${LIST}?referrers=true&referrer_type=application/vnd.example.sbom`)).json();
    expect(JSON.stringify(others)).not.toContain(SIGNATURE);
    expect(JSON.stringify(await (await get(LIST)).json())).not.toContain('referrers');
  });

  test('ignores Accept', async () => {
    expect(await namesOf(await get(LIST, { accept: 'text/html' }))).toEqual(TAGS);
  });

  test('states 0 bytes for an index, and manifest, config and layers for an image', async () => {
    const items = (await (await get(LIST)).json()) as { name: string; size_bytes: number; config_digest?: string }[];
    const sizes = Object.fromEntries(items.map(({ name, size_bytes }) => [name, size_bytes]));
    const parts = config('one').bytes.length + LAYER.bytes.length + FOREIGN.size;
    expect(sizes).toMatchObject({ multi: 0, '1.0': image.size + parts });
    expect(items.map((one) => 'config_digest' in one)).toEqual([true, true, true, true, false]);
    expect(items[0]).toMatchObject({ created_at: expect.any(String), published_at: expect.any(String) });
    expect(items[0]).not.toHaveProperty('updated_at');
  });

  test('does not know an unknown repository, and lists nothing of an emptied one', async () => {
    expect(await errorOf(await get('/gitlab/v1/repositories/shop/gone/tags/list/'))).toMatchObject({
      status: 404,
      code: 'NAME_UNKNOWN',
    });
    const emptied = await get(`/gitlab/v1/repositories/${EMPTIED}/tags/list/`);
    expect([emptied.status, await emptied.json()]).toEqual([200, []]);
    expect(await (await get(`/v2/${EMPTIED}/tags/list`)).json()).toEqual({ name: EMPTIED, tags: null });
  });
});

describe('the details of a repository', () => {
  const path = `/gitlab/v1/repositories/${APP}/`;

  test('state the distinct layers that tags reach, without foreign ones, configs and manifests', async () => {
    expect(await (await get(`${path}?size=self`)).json()).toMatchObject({
      name: 'app',
      path: APP,
      size_bytes: LAYER.bytes.length + OTHER_LAYER.bytes.length,
    });
    expect(await (await get(path)).json()).not.toHaveProperty('size_bytes');
  });

  test('state no descendants to a client, because no token grants a pattern', async () => {
    const answer = await get(`${path}?size=self_with_descendants`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain(`repository:${APP}/*:pull`);
  });

  test('refuses another size', async () => {
    expect(await errorOf(await get(`${path}?size=all`))).toMatchObject({
      status: 400,
      code: 'INVALID_QUERY_PARAMETER_VALUE',
    });
  });
});

test('has none of this without a database', async () => {
  lab.gitlab.faults.hasDatabase = false;
  try {
    for (const path of ['/gitlab/v1/', LIST]) expect((await get(path)).status).toBe(404);
    expect((await get('/v2/')).headers.get('gitlab-container-registry-database-enabled')).toBe('false');
  } finally {
    lab.gitlab.faults.hasDatabase = true;
  }
});

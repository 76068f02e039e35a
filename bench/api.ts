import { startDirectory, VALID_GID } from '../lab/directory.ts';
import { layOutRegistry, repositoryName } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { serve } from '../lab/serve.ts';
import { startService } from '../lab/service.ts';
import { startTokenService } from '../lab/token-service.ts';
import { median } from './median.ts';
import { FAR_LIMITS } from './service.ts';
import { type LoadResult, load } from './wrk.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const SECONDS = 8;
const ROUNDS = 3;

/** One repository and the whole tree of 10,000 tags, asked of the service as it runs, in turn with a bare HTTP server that has the bytes at hand. */
export async function benchApi(): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  const directory = await startDirectory();
  await layOutRegistry(registry.storageDirectory, SIZE);
  const service = await startService({
    general: { log_level: 'warn' },
    limits: FAR_LIMITS,
    ldap: { host: directory.ldapsUrl, base_dn: directory.baseDn, valid_gid: VALID_GID, ca_file: directory.caFile },
    jwt: { secret_key: 'a secret key for the bench, and for nothing else' },
    registry: {
      gitlab_base_url: tokens.url,
      registry_base_url: registry.url,
      username: 'crawler',
      access_token: 'secret',
    },
  });
  try {
    const token = await signIn(service.url);
    await ready(service.url);
    const one = { path: `/repositories/${encodeURIComponent(repositoryName(7))}`, connections: 64 };
    const tree = { path: '/repositories?embed=true', connections: 8 };
    return { oneRepository: await inTurn(service.url, token, one), wholeTree: await inTurn(service.url, token, tree) };
  } finally {
    await service.stop();
    await Promise.all([registry.remove(), directory.remove()]);
    await tokens.stop();
  }
}

async function inTurn(
  url: string,
  token: string,
  { path, connections }: { path: string; connections: number },
): Promise<object> {
  const body = Buffer.from(
    await (await fetch(url + path, { headers: { authorization: `Bearer ${token}` } })).arrayBuffer(),
  );
  const bare = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'application/hal+json', 'content-length': body.length }).end(body);
  });
  const ours: LoadResult[] = [];
  const limits: LoadResult[] = [];
  const ask = (of: string) =>
    load({ url: of, requests: [{ path, token }], accept: '*/*', connections, seconds: SECONDS });
  for (let round = 0; round < ROUNDS; round++) {
    limits.push(await ask(bare.url));
    ours.push(await ask(url));
  }
  await bare.stop();
  return {
    connections,
    bodyBytes: body.length,
    requestsPerSecond: median(ours.map((result) => result.requestsPerSecond)),
    p99Ms: median(ours.map((result) => result.p99Ms)),
    errors: ours.reduce((sum, result) => sum + result.errors, 0),
    bareRequestsPerSecond: median(limits.map((result) => result.requestsPerSecond)),
    bareP99Ms: median(limits.map((result) => result.p99Ms)),
  };
}

async function signIn(url: string): Promise<string> {
  const response = await fetch(`${url}/auth_token`, {
    headers: { authorization: `Basic ${btoa('alice:alice-secret')}` },
  });
  return ((await response.json()) as { auth_token: string }).auth_token;
}

async function ready(url: string): Promise<void> {
  while ((await fetch(`${url}/health/ready`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
}

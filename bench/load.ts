import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { freePort, startListening } from '../lab/child.ts';
import { layOutRegistry } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { type LabService, startService } from '../lab/service.ts';
import { makeDirectory, removeDirectory } from '../lab/temporary.ts';
import { startTokenService } from '../lab/token-service.ts';
import { API_CASES, type ApiCase, PAGE, REPOSITORY, requestOf, TREE } from './api-cases.ts';
import { median } from './median.ts';
import { memoryOf } from './process-memory.ts';
import { benchToken, settingsFor, shownSnapshot } from './service.ts';
import { soak } from './soak.ts';
import { type BareRequest, type LoadResult, load } from './wrk.ts';

const TAGS_PER_REPOSITORY = 100;
const LAYERS_PER_TAG = 10;
const SECONDS = 8;
const ROUNDS = 3;
/** So rarely that only the benchmark starts crawls. */
const ONCE_A_DAY = '24 hours';

/**
 * Measures the API of a service with a real registry of that many tags, in turn with a minimal HTTP server that sends the same bytes from memory. After
 * that it applies half of that load for some minutes, while the service crawls without a pause.
 */
export async function benchLoad(tags: number, soakMinutes: number): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  const repositories = Math.ceil(tags / TAGS_PER_REPOSITORY);
  const size = { repositories, tagsPerRepository: TAGS_PER_REPOSITORY, layersPerTag: LAYERS_PER_TAG };
  await layOutRegistry(registry.storageDirectory, size);
  const general = { log_level: 'warn', update_interval: ONCE_A_DAY };
  const service = await startService({ ...settingsFor(registry.url, tokens.url), general });
  try {
    await shownSnapshot(service);
    const token = await benchToken();
    const results: Record<string, object> = {};
    for (const [name, one] of Object.entries(API_CASES)) {
      process.stderr.write(`bench: load: ${name} ...\n`);
      results[name] = await inTurn(service, one, token);
    }
    const small = [REPOSITORY, REPOSITORY, REPOSITORY, PAGE].map((path): BareRequest => ({ path, token }));
    const tree: BareRequest = { path: TREE, token, acceptEncoding: 'gzip' };
    return { tags, ...results, ...(soakMinutes > 0 && { soak: await soak(service, { small, tree, soakMinutes }) }) };
  } finally {
    await service.stop();
    await registry.remove();
    await tokens.stop();
  }
}

async function inTurn(service: LabService, one: ApiCase, token: string): Promise<object> {
  const { bytes, etag } = await fetchOnce(service.url, one, token);
  const ask = (url: string): Promise<LoadResult> =>
    load({
      url,
      requests: [requestOf(one, token, etag)],
      accept: one.accept ?? '*/*',
      connections: one.connections,
      seconds: SECONDS,
    });
  return withBareServer(bytes, one.isKnown ? 304 : 200, async (bareUrl) => {
    const [ours, bare]: [LoadResult[], LoadResult[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await ask(bareUrl));
      ours.push(await ask(service.url));
    }
    const [us, limit] = [medians(ours), medians(bare)];
    return {
      connections: one.connections,
      bodyBytes: one.isKnown ? 0 : bytes.length,
      ratio: Math.round((us.requestsPerSecond / limit.requestsPerSecond) * 1000) / 1000,
      ours: us,
      bare: limit,
      memory: await memoryOf(service.child.pid),
    };
  });
}

/** Returns the body as it is sent, after a check that it can be decoded. */
async function fetchOnce(
  url: string,
  { path, accept = '*/*', acceptEncoding = 'identity' }: ApiCase,
  token: string,
): Promise<{ bytes: Buffer; etag: string }> {
  const headers = { authorization: `Bearer ${token}`, accept, 'accept-encoding': acceptEncoding };
  const response = await request(url + path, { headers });
  const bytes = Buffer.from(await response.body.arrayBuffer());
  const text = String(acceptEncoding === 'gzip' ? gunzipSync(bytes) : bytes);
  if (accept !== 'text/csv') JSON.parse(text);
  return { bytes, etag: String(response.headers['etag']).replaceAll('"', '') };
}

async function withBareServer<T>(body: Buffer, status: number, task: (url: string) => Promise<T>): Promise<T> {
  const directory = makeDirectory('bare');
  const file = join(directory, 'body');
  await writeFile(file, body);
  const port = await freePort();
  const script = new URL('./bare-server.ts', import.meta.url).pathname;
  const child = await startListening(process.execPath, [script, String(port), String(status), file], port);
  try {
    return await task(`http://127.0.0.1:${port}`);
  } finally {
    await child.stop();
    await removeDirectory(directory);
  }
}

/** Returns the median of each figure, each taken by itself. */
function medians(results: readonly LoadResult[]): LoadResult {
  const of = (read: (result: LoadResult) => number): number => median(results.map(read));
  return {
    requestsPerSecond: of((result) => result.requestsPerSecond),
    p50Ms: of((result) => result.p50Ms),
    p99Ms: of((result) => result.p99Ms),
    p999Ms: of((result) => result.p999Ms),
    errors: results.reduce((sum, { errors }) => sum + errors, 0),
  };
}

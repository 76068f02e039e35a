import { request } from 'undici';
import { layOutRegistry } from '../lab/layout.ts';
import { type LabRegistry, startRegistry } from '../lab/registry.ts';
import { startService } from '../lab/service.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';
import { MANIFEST_TYPES } from '../src/domain/manifest/media-types.ts';
import { median, secondsFrom, share } from './median.ts';
import { settingsFor, shownSnapshot } from './service.ts';

const SIZES = [2000, 10_000];
const TAGS_PER_REPOSITORY = 50;
const LAYERS_PER_TAG = 10;
const ROUNDS = 3;

/**
 * Measures how soon a first start shows figures, from the start of the process, and in turn how long the way of reading of the Python service takes on
 * the same registry: one token for each repository, and one request for each manifest, one after another.
 */
export async function benchFirstData(): Promise<object> {
  const results: Record<string, object> = {};
  for (const tags of SIZES) results[`tags${tags}`] = await measureAt(tags);
  return results;
}

async function measureAt(tags: number): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  try {
    const repositories = tags / TAGS_PER_REPOSITORY;
    await layOutRegistry(registry.storageDirectory, {
      repositories,
      tagsPerRepository: TAGS_PER_REPOSITORY,
      layersPerTag: LAYERS_PER_TAG,
    });
    const rounds: { oneByOne: number; ours: number }[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const oneByOne = await readOneByOne(registry, tokens, tags);
      const ours = await startUntilFigures(registry, tokens);
      if (round > 0) rounds.push({ oneByOne, ours }); // the first round fills the disk cache
    }
    return {
      seconds: median(rounds.map(({ ours }) => ours)),
      oneByOneSeconds: median(rounds.map(({ oneByOne }) => oneByOne)),
      timesAsFast: share(median(rounds.map(({ oneByOne, ours }) => oneByOne / ours))),
      rounds,
    };
  } finally {
    await registry.remove();
    await tokens.stop();
  }
}

async function startUntilFigures(registry: LabRegistry, tokens: LabTokenService): Promise<number> {
  const startedAt = performance.now();
  const service = await startService(settingsFor(registry.url, tokens.url));
  try {
    await shownSnapshot(service);
    return secondsFrom(startedAt);
  } finally {
    await service.stop();
  }
}

async function readOneByOne(registry: LabRegistry, tokens: LabTokenService, tags: number): Promise<number> {
  const startedAt = performance.now();
  const read = async (path: string, token: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, accept: Object.values(MANIFEST_TYPES).join(', ') };
    const { statusCode, body } = await request(registry.url + path, { headers });
    if (statusCode !== 200) throw new Error(`${path}: status ${statusCode}`);
    return body.json();
  };
  const catalog = await tokens.mint([{ type: 'registry', name: 'catalog', actions: ['*'] }]);
  const { repositories } = (await read('/v2/_catalog?n=1000', catalog)) as { repositories: string[] };
  let count = 0;
  for (const name of repositories) {
    const token = await tokens.mint([{ type: 'repository', name, actions: ['pull'] }]);
    const listed = (await read(`/v2/${name}/tags/list`, token)) as { tags: string[] };
    for (const tag of listed.tags) {
      await read(`/v2/${name}/manifests/${tag}`, token);
      count++;
    }
  }
  if (count !== tags) throw new Error(`${count} tags were read, not ${tags}`);
  return secondsFrom(startedAt);
}

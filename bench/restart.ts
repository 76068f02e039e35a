import { join } from 'node:path';
import { layOutRegistry } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { run } from '../lab/run.ts';
import { type Settings, serviceCommand, startService } from '../lab/service.ts';
import { makeDirectory, removeDirectory } from '../lab/temporary.ts';
import { startTokenService } from '../lab/token-service.ts';
import { median, secondsFrom } from './median.ts';
import { settingsFor, shownSnapshot } from './service.ts';

const SIZE = { repositories: 10, tagsPerRepository: 10, layersPerTag: 10 };
const ROUNDS = 9;
const ROOT = new URL('..', import.meta.url).pathname;

/** Measures restarts, in seconds: Node alone, the service from sources and from compiled files, and each of these with Node's compile cache. */
export async function benchRestart(): Promise<object> {
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'tsconfig.build.json')]);
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  const directory = makeDirectory('restarts');
  const settings = settingsFor(registry.url, tokens.url, { store: { url: `sqlite://${directory}/usage.db` } });
  const cached = { NODE_COMPILE_CACHE: join(directory, 'compile-cache') };
  const uncached = { NODE_DISABLE_COMPILE_CACHE: '1' };
  const ways: Readonly<Record<string, Way>> = {
    sources: { main: join(ROOT, 'src/main.ts'), variables: uncached },
    sourcesCached: { main: join(ROOT, 'src/main.ts'), variables: cached },
    dist: { main: join(ROOT, 'dist/main.js'), variables: uncached },
    distCached: { main: join(ROOT, 'dist/main.js'), variables: cached },
  };
  try {
    await layOutRegistry(registry.storageDirectory, SIZE);
    return await inTurn({
      nodeAlone: () => timedRun(['-e', '0'], {}),
      ...Object.fromEntries(
        Object.entries(ways).flatMap(([name, way]) => [
          [`${name}Version`, () => timedVersion(way)],
          [`${name}Answer`, () => timedAnswer(settings, way)],
        ]),
      ),
    });
  } finally {
    await Promise.all([registry.remove(), removeDirectory(directory)]);
    await tokens.stop();
  }
}

interface Way {
  readonly main: string;
  readonly variables: NodeJS.ProcessEnv;
}

/** Runs every measurement once per round. The first round, which fills the caches and the store, is left out. */
async function inTurn(measurements: Readonly<Record<string, () => Promise<number>>>): Promise<object> {
  const found = Object.entries(measurements).map(([name, measure]) => ({ name, measure, seconds: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { measure, seconds } of found) {
      const taken = await measure();
      if (round > 0) seconds.push(taken);
    }
  }
  return Object.fromEntries(
    found.map(({ name, seconds }) => [name, { median: median(seconds), worst: Math.max(...seconds) }]),
  );
}

function timedVersion({ main, variables }: Way): Promise<number> {
  const [, ...parameters] = serviceCommand(main);
  return timedRun([...parameters, '--version'], variables);
}

async function timedRun(parameters: readonly string[], variables: NodeJS.ProcessEnv): Promise<number> {
  const startedAt = performance.now();
  await run(process.execPath, parameters, { env: { ...process.env, ...variables } });
  return secondsFrom(startedAt);
}

/** Measures the time from before the start of the process until its first response with a snapshot, and kills the process. */
async function timedAnswer(settings: Settings, { main, variables }: Way): Promise<number> {
  const startedAt = performance.now();
  const service = await startService(settings, variables, serviceCommand(main));
  await shownSnapshot(service);
  const seconds = secondsFrom(startedAt);
  await service.kill();
  return seconds;
}

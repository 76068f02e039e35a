import { layOutRegistry } from '../../lab/layout.ts';
import { startRegistry } from '../../lab/registry.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { startTokenService } from '../../lab/token-service.ts';
import { compareApi, type Ready } from './api.ts';
import { type Checkout, nextSnapshot, openCheckout, type Source, startCheckout } from './checkout.ts';
import { compareCrawls } from './crawl.ts';
import type { Compared, Sides } from './rounds.ts';

const TAGS_PER_REPOSITORY = 50;
const LAYERS_PER_TAG = 10;
/** The smallest registry that has what the requests ask for. */
const FEWEST_TAGS = 500;
/** A figure is slower if the whole interval of its ratio lies below this. */
const ALLOWED_RATIO = 0.95;

export interface CompareOptions {
  /** How many tags the registry has; rounded up to a multiple of 50. */
  readonly tags: number;
  readonly rounds: number;
  readonly seconds: number;
}

export interface Comparison {
  readonly tags: number;
  readonly commits: Sides<string>;
  readonly figures: Readonly<Record<string, Compared>>;
  /** The names of the figures that became slower. */
  readonly slower: readonly string[];
}

/** Compares the speed of two checkouts against the same registry: first the API, with both services running, then crawls. */
export async function compareCheckouts(paths: Sides<string>, options: CompareOptions): Promise<Comparison> {
  const repositories = Math.ceil(Math.max(options.tags, FEWEST_TAGS) / TAGS_PER_REPOSITORY);
  const tags = repositories * TAGS_PER_REPOSITORY;
  const checkouts = {
    before: await openCheckout('before', paths.before),
    after: await openCheckout('after', paths.after),
  };
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const registry = await startRegistry({ tokens, accessLog: false });
  await layOutRegistry(registry.storageDirectory, {
    repositories,
    tagsPerRepository: TAGS_PER_REPOSITORY,
    layersPerTag: LAYERS_PER_TAG,
  });
  const source = { registryUrl: registry.url, tokenUrl: tokens.url };
  const api = await compareServices(checkouts, source, { ...options, tags });
  const crawls = await compareCrawls(checkouts, { source, tags, rounds: options.rounds });
  await registry.remove();
  await tokens.stop();
  const figures = { ...api, ...crawls };
  const slower = Object.entries(figures).flatMap(([name, { ratio }]) => (ratio.high < ALLOWED_RATIO ? [name] : []));
  return { tags, commits: { before: checkouts.before.commit, after: checkouts.after.commit }, figures, slower };
}

async function compareServices(
  checkouts: Sides<Checkout>,
  source: Source,
  { tags, rounds, seconds }: CompareOptions,
): Promise<Comparison['figures']> {
  const directories = { before: makeDirectory('state'), after: makeDirectory('state') };
  const start = async (side: keyof Sides<Checkout>): Promise<Ready> => {
    const service = await startCheckout(checkouts[side], source, directories[side]);
    return { service, fields: await nextSnapshot(service, tags) };
  };
  const sides = { before: await start('before'), after: await start('after') };
  const figures = await compareApi(sides, { rounds, seconds });
  for (const { service } of Object.values(sides)) await service.stop();
  for (const directory of Object.values(directories)) await removeDirectory(directory);
  return figures;
}

/** Returns the comparison as a table for people. */
export function tableOf({ tags, commits, figures, slower }: Comparison): string {
  const [first] = Object.values(figures);
  const rows = Object.entries(figures).map(([name, { unit, before, after, ratio }]) => [
    name,
    `${before} ${unit}`,
    `${after} ${unit}`,
    ratio.median.toFixed(3),
    `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`,
    slower.includes(name) ? 'SLOWER' : '',
  ]);
  const all = [['figure', 'before', 'after', 'ratio', 'interval', ''], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [
    `${tags} tags; before ${commits.before}, after ${commits.after}; medians of ${first?.rounds.length} rounds`,
    '',
    ...lines,
    '',
    `interval: order statistics that hold the median ratio after/before with a probability of ${first?.ratio.coverage}`,
    `SLOWER: the whole interval lies below ${ALLOWED_RATIO}`,
    '',
  ].join('\n');
}

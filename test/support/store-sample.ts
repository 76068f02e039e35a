import { makeDirectory } from '../../lab/temporary.ts';
import { openStore, type Store } from '../../src/store/sqlite/open-store.ts';
import type { Retention } from '../../src/store/sqlite/retention.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const RETENTION: Retention = { allMs: 7 * DAY_MS, dailyMs: 365 * DAY_MS };

/** A directory of its own for each test file, for as long as it runs. */
export const directory = makeDirectory('store');

/** Starts `store-writer.ts`; the path of a file, and perhaps a number of rounds, come behind. */
export const WRITER_COMMAND = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  new URL('./store-writer.ts', import.meta.url).pathname,
] as const;

let filesCount = 0;
/** The path of a file that is not there yet. */
export function newFile(): string {
  return `${directory}/${++filesCount}/usage.db`;
}

export function open(file: string, clock: () => number = () => 0, retention: Retention = RETENTION): Store {
  return openStore({ file, registryUrl: 'https://registry.example.com/', retention, clock });
}

import { makeDirectory } from '../../lab/temporary.ts';
import { openStore } from '../../src/store/sqlite/open-store.ts';
import type { Retention, Store } from '../../src/store/store.ts';
import { RETENTION } from './memory-store.ts';

/** A temporary directory for the test file that imports this. */
export const directory = makeDirectory('store');

/** The command that runs `store-writer.ts`. Its arguments are the path of a file and, optionally, a number of rounds. */
export const WRITER_COMMAND = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  new URL('./store-writer.ts', import.meta.url).pathname,
] as const;

let filesCount = 0;

/** Returns the path of a file that does not exist yet. */
export function newFile(): string {
  return `${directory}/${++filesCount}/usage.db`;
}

export const REGISTRY_URL = 'https://registry.example.com/';

export function open(file: string, clock: () => number = () => 0, retention: Retention = RETENTION): Store {
  return openStore({ file, registryUrl: REGISTRY_URL, retention, clock });
}

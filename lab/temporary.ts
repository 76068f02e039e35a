import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { forgetDirectory, noteDirectory } from './resources.ts';

/** Creates an empty temporary directory. It is removed at the latest when this process exits. */
export function makeDirectory(name: string): string {
  // Synchronous, so that no signal is handled between the creation and the entry in the list.
  const directory = mkdtempSync(join(tmpdir(), `lab-${name}-`));
  noteDirectory(directory);
  return directory;
}

/** Runs `make` with a new temporary directory, and removes the directory if `make` fails. */
export async function inNewDirectory<T>(name: string, make: (directory: string) => Promise<T>): Promise<T> {
  const directory = makeDirectory(name);
  try {
    return await make(directory);
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  forgetDirectory(directory);
}

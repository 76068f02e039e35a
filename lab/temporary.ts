import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes something that lives in a new directory of its own; where that fails, the directory goes again. */
export async function inNewDirectory<T>(name: string, make: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), `lab-${name}-`));
  try {
    return await make(directory);
  } catch (error) {
    await removeDirectory(directory);
    throw error;
  }
}

export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true });
}

import { availableParallelism } from 'node:os';
import { run } from '../lab/run.ts';

/** The number of the core that a pinned server has to itself. */
export const SERVER_CORE = 0;

/**
 * Runs a task while this process and its children use all cores but the first, which is left to a server that is pinned to it. As on two machines,
 * client and server then take no processor time from each other. Source: taskset(1).
 */
export async function onTheOtherCores<T>(task: () => Promise<T>): Promise<T> {
  const last = availableParallelism() - 1;
  if (last <= SERVER_CORE) throw new Error('this benchmark needs at least two cores');
  await pin(`${SERVER_CORE + 1}-${last}`);
  return task().finally(() => pin(`${SERVER_CORE}-${last}`));
}

async function pin(cores: string): Promise<void> {
  await run('taskset', ['-a', '-p', '-c', cores, String(process.pid)]);
}

import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Where a server has the first core to itself. */
export const SERVER_CORE = 0;

/**
 * Leaves the first core to a server that is pinned to it, for as long as the task takes: this process and all that it starts have the others.
 * As with two machines, who asks and who answers take no time from each other. taskset(1).
 */
export async function onTheOtherCores<T>(task: () => Promise<T>): Promise<T> {
  const last = availableParallelism() - 1;
  if (last <= SERVER_CORE) throw new Error('one core cannot be shared out');
  pin(`${SERVER_CORE + 1}-${last}`);
  return task().finally(() => pin(`${SERVER_CORE}-${last}`));
}

function pin(cores: string): void {
  execFileSync('taskset', ['-a', '-p', '-c', cores, String(process.pid)], { stdio: 'ignore' });
}

import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Child, startChild } from '../../lab/child.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { kill, processesUsing } from '../support/processes.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* A benchmark that is stopped in the middle. It has a temporary directory of its own: the files in it belong to the benchmark, and so do the processes
 * that use it. */

let directory: string;
let bench: Child;

beforeEach(() => {
  directory = makeDirectory('bench');
  // Without npm's cache of compiled code, which it would keep in the temporary directory.
  const env = { ...process.env, TMPDIR: directory, NODE_DISABLE_COMPILE_CACHE: '1' };
  // A checkout is compared with itself, against the smallest registry.
  bench = startChild('scripts/with-node', ['npm', 'run', 'bench', 'compare', '.', '.', '500', '6', '60'], { env });
});

afterEach(async () => {
  for (const { pid } of processesUsing(directory)) kill(pid);
  await removeDirectory(directory);
});

const commands = (): string =>
  processesUsing(directory)
    .map(({ command }) => command)
    .join('\n');

/** Waits until a process of the benchmark has this in its command line. */
async function untilRunning(text: string): Promise<void> {
  while (!commands().includes(text)) {
    const hasEnded = await Promise.race([sleep(20, false), bench.ended.then(() => true)]);
    if (hasEnded) throw new Error(`the benchmark has ended:\n${bench.output()}`);
  }
}

test.for([
  ['SIGTERM', 'while it lays out the registry', 'docker-registry serve'],
  ['SIGHUP', 'while a service crawls', 'service.conf'],
  ['SIGTERM', 'while it measures', 'wrk -t'],
  ['SIGINT', 'while it measures', 'wrk -t'],
] as const)('%s %s leaves no process and no file', async ([signal, , program]) => {
  await untilRunning(program);
  // A terminal sends its signals to the whole process group, and npm passes them on once more; `kill` sends SIGTERM to npm alone.
  process.kill(signal === 'SIGTERM' ? bench.pid : -bench.pid, signal);
  await bench.ended;
  expect(commands()).toBe('');
  expect(await readdir(directory)).toEqual([]);
});

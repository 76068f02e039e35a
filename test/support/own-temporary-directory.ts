import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/* A test run uses a temporary directory of its own, which every process that it starts finds in its environment. At the end of the run no file
 * and no such process may be left. */

const PATIENCE_MS = 10_000;

/** Vitest calls this before the first test, and the returned function after the last. An error in the latter fails the run. */
export default function setup(): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'usage-tests-'));
  process.env['TMPDIR'] = directory;
  const remove = (): void => {
    for (const { pid } of processesIn(directory)) kill(pid);
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
  // Covers a run that a signal ends: then Vitest does not call the function below.
  process.once('exit', remove);
  return async () => {
    const left = await leftIn(directory);
    remove();
    if (left.length > 0) throw new Error(`the tests have left behind:\n  ${left.join('\n  ')}`);
  };
}

/** Returns a line for each file and process that is still there after a while: an ending process needs some time. */
async function leftIn(directory: string): Promise<readonly string[]> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const files = readdirSync(directory).map((name) => join(directory, name));
    const processes = processesIn(directory).map(({ pid, command }) => `process ${pid}: ${command}`);
    if (files.length + processes.length === 0 || Date.now() > deadline) return [...files, ...processes];
  }
}

interface Running {
  readonly pid: number;
  readonly command: string;
}

/** Returns the processes that have this directory, or one below it, as their temporary directory. Vitest's own workers are not among them. */
export function processesIn(directory: string): readonly Running[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || parentOf(name) === process.pid) return [];
    const variables = read(`/proc/${name}/environ`).split('\0');
    const isOurs = variables.some((text) => text === `TMPDIR=${directory}` || text.startsWith(`TMPDIR=${directory}/`));
    return isOurs ? [{ pid: Number(name), command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim() }] : [];
  });
}

function parentOf(pid: string): number {
  return Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** Returns '' if the process has ended in the meantime. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeNow } from '../../lab/resources.ts';
import { kill, processesUsing, type Running } from './processes.ts';

/* A test run has a temporary directory of its own. Every process that it starts inherits the directory's name in TMPDIR. At the end of the run no file
 * may be left in it, and no such process. */

const PATIENCE_MS = 10_000;
/** npm's cache of compiled code, which it keeps for its next run. */
const KEPT_BY_NPM = 'node-compile-cache';

/** Vitest calls this before the first test, and the returned function after the last one. An error in the latter fails the run. */
export default function setup(): () => Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'usage-tests-'));
  process.env['TMPDIR'] = directory;
  // If a signal ends the run, Vitest does not call the function below, and its workers still run.
  process.once('exit', () => {
    killAll(() => processesUsing(directory));
    removeNow(directory);
  });
  return async () => {
    const left = await leftIn(directory);
    killAll(() => startedByTests(directory));
    removeNow(directory);
    if (left.length > 0) throw new Error(`the tests have left behind:\n  ${left.join('\n  ')}`);
  };
}

/** Returns a line for each file and process that is still there after a while: a process needs some time to end. */
async function leftIn(directory: string): Promise<readonly string[]> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const files = readdirSync(directory).filter((name) => name !== KEPT_BY_NPM);
    const processes = startedByTests(directory).map(({ pid, command }) => `process ${pid}: ${command}`);
    if (files.length + processes.length === 0 || Date.now() > deadline) return [...files, ...processes];
  }
}

/** Kills again and again, since a process may have started another one before it was killed. */
function killAll(find: () => readonly Running[]): void {
  for (let found = find(); found.length > 0; found = find()) for (const { pid } of found) kill(pid);
}

/** Vitest's workers are children of this process, and end by themselves. */
function startedByTests(directory: string): readonly Running[] {
  return processesUsing(directory).filter(({ parentPid }) => parentPid !== process.pid);
}

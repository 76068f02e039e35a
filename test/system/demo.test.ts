import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Child, startChild } from '../../lab/child.ts';
import { run } from '../../lab/run.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { kill, processesUsing } from '../support/processes.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* The demo as a new user runs it. It has a temporary directory of its own: the files in it belong to the demo, and so do the processes that use it. */

let directory: string;
let demo: Child;

beforeEach(() => {
  directory = makeDirectory('demo');
  demo = startChild('./run-demo', [], { env: { ...process.env, TMPDIR: directory } });
});

afterEach(async () => {
  for (const { pid } of processesUsing(directory)) kill(pid);
  await removeDirectory(directory);
});

/** Sends the signal to the whole process group, as a terminal does. */
function press(signal: NodeJS.Signals): void {
  process.kill(-demo.pid, signal);
}

async function expectNothingLeft(): Promise<void> {
  expect(processesUsing(directory)).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
}

test('prints the URL, a user, a password and a curl command that works, and leaves nothing behind after Ctrl-C', async () => {
  while (!demo.output().includes('Ctrl-C stops everything.')) await expectRunning();
  const output = demo.output();
  expect(output).toMatch(/^ {2}URL +http:\/\/127\.0\.0\.1:\d+$/m);
  expect(output).toMatch(/^ {2}user +alice$/m);
  expect(output).toMatch(/^ {2}password +\S+$/m);
  const line = /^ +(curl .*)$/m.exec(output)?.[1] ?? '';
  const { stdout } = await run('sh', ['-c', line]);
  const { _embedded } = JSON.parse(stdout) as { _embedded: { items: { name: string; size: number | null }[] } };
  expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
  expect(processesUsing(directory).length).toBeGreaterThanOrEqual(4); // the demo, slapd, the registry and the service
  press('SIGINT');
  expect(await demo.ended).toBe(0);
  await expectNothingLeft();
});

test.each([
  ['SIGINT', 500],
  ['SIGINT', 900],
  ['SIGHUP', 1500],
  ['SIGTERM', 2500],
] as const)('leaves nothing behind after %s at %i ms', async (signal, ms) => {
  await sleep(ms);
  press(signal);
  await demo.ended;
  await expectNothingLeft();
  expect(demo.output()).not.toContain('The demo has failed');
});

async function expectRunning(): Promise<void> {
  if (await Promise.race([sleep(50), demo.ended.then(() => true)]))
    throw new Error(`the demo has ended:\n${demo.output()}`);
}

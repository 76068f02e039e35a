import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Child, startChild } from '../../lab/child.ts';
import { run } from '../../lab/run.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { kill, processesUsing } from '../support/processes.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* The demo as a new user runs it, with a temporary directory of its own: the files in it are the demo's, and so are the processes that use it. */

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

/** As a terminal does it: to the whole foreground, and so to whatever program the demo is waiting for. */
function press(signal: NodeJS.Signals): void {
  process.kill(-demo.pid, signal);
}

async function expectNothingLeft(): Promise<void> {
  expect(processesUsing(directory)).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
}

test('it prints the URL, a user, a password and a curl line that works, and Ctrl-C leaves nothing', async () => {
  while (!demo.output().includes('Ctrl-C stops everything.')) await stillRunning();
  const said = demo.output();
  expect(said).toMatch(/^ {2}URL +http:\/\/127\.0\.0\.1:\d+$/m);
  expect(said).toMatch(/^ {2}user +alice$/m);
  expect(said).toMatch(/^ {2}password +\S+$/m);
  const line = /^ +(curl .*)$/m.exec(said)?.[1] ?? '';
  const { stdout } = await run('sh', ['-c', line]);
  const { _embedded } = JSON.parse(stdout) as { _embedded: { items: { name: string; size: number | null }[] } };
  expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
  expect(processesUsing(directory).length).toBeGreaterThanOrEqual(4); // itself, slapd, the registry, the service
  press('SIGINT');
  expect(await demo.ended).toBe(0);
  await expectNothingLeft();
});

test.each([
  ['SIGINT', 500],
  ['SIGINT', 900],
  ['SIGHUP', 1500],
  ['SIGTERM', 2500],
] as const)('%s after %i ms leaves nothing, whatever it was doing', async (signal, ms) => {
  await sleep(ms);
  press(signal);
  await demo.ended;
  await expectNothingLeft();
  expect(demo.output()).not.toContain('The demo has failed');
});

async function stillRunning(): Promise<void> {
  if (await Promise.race([sleep(50), demo.ended.then(() => true)])) throw new Error(`it has ended:\n${demo.output()}`);
}

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Child, startChild } from '../../lab/child.ts';

/* The demo as a newcomer runs it. It gets a directory of its own for what is temporary: what is in there, and which processes
 * have it in their environment, is what the demo has made. */

let directory: string;
let demo: Child;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'demo-'));
  demo = startChild('./run-demo', [], { env: { ...process.env, TMPDIR: directory } });
});

afterEach(async () => {
  for (const pid of await processesOfDemo()) process.kill(pid, 'SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function processesOfDemo(): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const mine = pids.map(async (pid) => {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    return environment.split('\0').includes(`TMPDIR=${directory}`) ? [pid] : [];
  });
  return (await Promise.all(mine)).flat();
}

/** As a terminal does it: to the whole foreground, and so to whatever program the demo is waiting for. */
function press(signal: NodeJS.Signals): void {
  process.kill(-demo.pid, signal);
}

async function expectNothingLeft(): Promise<void> {
  expect(await processesOfDemo()).toEqual([]);
  expect(await readdir(directory)).toEqual([]);
}

test('it prints the URL, a user, a password and a curl line that works, and Ctrl-C leaves nothing', async () => {
  while (!demo.output().includes('Ctrl-C stops everything.')) await stillRunning();
  const said = demo.output();
  expect(said).toMatch(/^ {2}URL +http:\/\/127\.0\.0\.1:\d+$/m);
  expect(said).toMatch(/^ {2}user +alice$/m);
  expect(said).toMatch(/^ {2}password +\S+$/m);
  const line = /^ +(curl .*)$/m.exec(said)?.[1] ?? '';
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  const { _embedded } = JSON.parse(stdout) as { _embedded: { items: { name: string; size: number | null }[] } };
  expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
  expect((await processesOfDemo()).length).toBeGreaterThanOrEqual(4); // itself, slapd, the registry, the service
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

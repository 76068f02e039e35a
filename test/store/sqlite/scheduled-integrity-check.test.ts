import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startChild } from '../../../lab/child.ts';
import type { Store } from '../../../src/store/store.ts';
import { image } from '../../support/sample-registry-content.ts';
import { newFile, open, WRITER_COMMAND } from '../../support/store-sample.ts';

/* The integrity check runs in a second process. These tests stop that process for a while, to do something meanwhile. */

/** Returns the ids of the processes that check a store for this one. */
function checkers(): number[] {
  const children = globSync(`/proc/${process.pid}/task/*/children`).flatMap((path) => read(path).trim().split(' '));
  return children.filter((pid) => read(`/proc/${pid}/cmdline`).includes('check-process')).map(Number);
}

/** Reads a file of /proc; returns '' if the process has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Starts a check and stops its process. Returns the process id, and the outcome. */
async function stoppedCheck(store: Store): Promise<{ readonly pid: number; readonly done: Promise<unknown> }> {
  const before = checkers();
  const done = store.check().then(
    () => 'whole',
    (error: unknown) => (error as { reason: string }).reason,
  );
  for (;;) {
    const pid = checkers().find((one) => !before.includes(one));
    if (pid !== undefined) {
      process.kill(pid, 'SIGSTOP');
      return { pid, done };
    }
    await sleep(1);
  }
}

/** Reads the file in another process: this one would lose its locks on the file when it closes it. */
function sumOf(file: string): string {
  return execFileSync('sha256sum', [file], { encoding: 'utf8' });
}

async function filled(count = 200): Promise<{ readonly file: string; readonly store: Store }> {
  const file = newFile();
  const store = open(file);
  for (let i = 0; i < count; i++) await store.manifestCache.saveManifest(image(`${i}`));
  await store.crawlState.begin({ startedAt: 1, isThorough: false });
  return { file, store };
}

test('keeps the file unchanged and locked while the check runs, and loses no data in a crash', async () => {
  const { file, store } = await filled();
  const { pid, done } = await stoppedCheck(store);
  const before = sumOf(file);
  const body = new Uint8Array(100_000);
  // More than the usual length of the log.
  for (let i = 0; i < 300; i++)
    await store.manifestCache.saveManifest({ ...image(`new ${i}`), served: { contentType: '', body } });
  await store.crawlState.begin({ startedAt: 2, isThorough: true });
  expect(sumOf(file)).toBe(before);
  const [command, ...parameters] = WRITER_COMMAND;
  const other = startChild(command, [...parameters, file, '1']);
  await other.ended;
  expect(other.output()).toContain('another process uses the store');

  const copy = newFile();
  mkdirSync(dirname(copy), { recursive: true });
  for (const end of ['', '-wal']) execFileSync('cp', [`${file}${end}`, `${copy}${end}`]);
  const afterCrash = open(copy);
  expect(await afterCrash.crawlState.unfinished()).toEqual({ startedAt: 2, isThorough: true });
  await afterCrash.check();
  afterCrash.close();

  process.kill(pid, 'SIGCONT');
  expect(await done).toBe('whole');
  await store.crawlState.begin({ startedAt: 3, isThorough: false });
  const late = startChild(command, [...parameters, file, '1']);
  await late.ended;
  expect(late.output()).toContain('another process uses the store');
  store.close();
  const again = open(file);
  expect(await again.crawlState.unfinished()).toEqual({ startedAt: 3, isThorough: false });
  await again.check();
  again.close();
});

test('ends the check at once when the store is closed, and starts no other', async () => {
  const { file, store } = await filled();
  const { pid, done } = await stoppedCheck(store);
  store.endCheck();
  expect(await done).toBe('the check of the store was ended');
  expect(checkers()).not.toContain(pid);
  await expect(store.check()).rejects.toMatchObject({ kind: 'store', reason: 'the check of the store was ended' });
  store.close();
  const other = open(file);
  const second = await stoppedCheck(other);
  other.close();
  expect(await second.done).toBe('the check of the store was ended');
});

test('runs one check for two callers', async () => {
  const { store } = await filled();
  const others = checkers(); // that have answered and are about to exit
  const { pid, done } = await stoppedCheck(store);
  const second = store.check();
  await sleep(20);
  expect(checkers().filter((one) => !others.includes(one))).toEqual([pid]);
  process.kill(pid, 'SIGCONT');
  await second;
  expect(await done).toBe('whole');
  store.close();
});

test('checks the file in this process if the other one is killed', async () => {
  const { file, store } = await filled();
  const first = await stoppedCheck(store);
  process.kill(first.pid, 'SIGKILL');
  expect(await first.done).toBe('whole');
  store.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, 40 * 4096, 42 * 4096);
  writeFileSync(file, bytes);
  const damaged = open(file);
  const second = await stoppedCheck(damaged);
  process.kill(second.pid, 'SIGKILL');
  expect(await second.done).toMatch(/^the store is damaged; /);
  damaged.close();
});

test('passes no environment to the other process', async () => {
  process.env['STORE_CHECK_SECRET'] = 'a secret of the environment';
  const { store } = await filled();
  const { pid, done } = await stoppedCheck(store);
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('secret');
  process.kill(pid, 'SIGCONT');
  expect(await done).toBe('whole');
  delete process.env['STORE_CHECK_SECRET'];
  store.close();
});

test('checks the file in this process if it may not start another one', async () => {
  const { file, store } = await filled();
  store.close();
  const check = `
    import { openStore } from './src/store/sqlite/open-store.ts';
    const retention = { allMs: 20, dailyMs: 20 };
    const [file, registryUrl] = [${JSON.stringify(file)}, 'https://registry.example.com/'];
    const store = openStore({ file, registryUrl, retention, clock: () => 0 });
    await store.check();
    store.close();
    console.log('whole');`;
  const options = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--no-warnings'];
  const parameters = [...options, '--input-type=module-typescript', '--eval', check];
  expect(execFileSync(process.execPath, parameters, { encoding: 'utf8' })).toBe('whole\n');
});

import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createRecrawlQueue, type RecrawlQueueOptions } from '../../src/crawl/recrawl-queue.ts';
import type { RepositoryName } from '../../src/domain/names.ts';
import type { Pull } from '../../src/ports.ts';

const names = (...texts: string[]) => texts as RepositoryName[];

/** Starts a recrawl queue with a clock that the test moves. `done` lists what the queue did, with the time. */
function startQueue(changes: Partial<RecrawlQueueOptions> = {}) {
  let now = 0;
  const waiting = new Set<{ readonly until: number; readonly resolve: () => void }>();
  const done: string[] = [];
  const options: RecrawlQueueOptions = {
    steadyClock: () => now,
    sleepUntil: (until, signal) =>
      new Promise((resolve) => {
        const entry = { until, resolve };
        waiting.add(entry);
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve());
      }),
    isReady: () => true,
    isWanted: (name) => name !== 'unwanted',
    updateSnapshot: async (some) => void done.push(`${now}: ${[...some].sort()}`),
    crawlState: { savePulls: async () => undefined },
    report: {
      recrawled: () => undefined,
      failed: (some) => void done.push(`${now}: failed ${[...some].sort()}`),
      pullsNotSaved: (error) => void done.push(String(error)),
    },
    ...changes,
  };
  const started = createRecrawlQueue(options);
  started.start();
  return {
    ...started,
    done,
    /** Moves the clock in small steps. */
    async pass(ms: number): Promise<void> {
      for (const end = now + ms; now < end; now += 100) {
        for (const entry of waiting) {
          if (entry.until > now) continue;
          waiting.delete(entry);
          entry.resolve();
        }
        for (let turns = 0; turns < 5; turns++) await turn();
      }
    },
  };
}

test('reads repositories once for several notifications, and pauses before the next ones', async () => {
  const { changed, pass, done, length, stop } = startQueue();
  changed(names('a', 'b'));
  await pass(300);
  changed(names('a', 'c'));
  expect([done, length()]).toEqual([[], 3]);
  await pass(400);
  expect([done, length()]).toEqual([['500: a,b,c'], 0]);
  changed(names('d'));
  await pass(1000);
  expect(done).toHaveLength(1);
  await pass(2000);
  expect(done[1]).toMatch(/: d$/);
  await stop();
});

test('keeps repositories in the queue until there is a snapshot to update', async () => {
  let isReady = false;
  const { changed, pass, done, length, stop } = startQueue({ isReady: () => isReady });
  changed(names('a'));
  await pass(60_000);
  expect([done, length()]).toEqual([[], 1]);
  isReady = true;
  await pass(3000);
  expect([done, length()]).toEqual([[expect.stringMatching(/: a$/)], 0]);
  await stop();
});

test('ignores repositories that are not wanted', async () => {
  const { changed, pass, done, length, stop } = startQueue();
  changed(names('unwanted'));
  await pass(5000);
  expect([done, length()]).toEqual([[], 0]);
  await stop();
});

test('retries after a failure with increasing delays, together with new notifications', async () => {
  let isDown = true;
  const { changed, pass, done, stop } = startQueue({
    updateSnapshot: async (some) => {
      if (isDown) throw new Error('down');
      done.push(`read ${[...some].sort()}`);
    },
  });
  changed(names('a'));
  await pass(1000);
  changed(names('b'));
  await pass(6000);
  expect(done).toEqual(['500: failed a', expect.stringMatching(/: failed a$/)]);
  await pass(5000);
  expect(done).toHaveLength(2);
  isDown = false;
  await pass(20_000);
  expect(done.slice(2).sort()).toEqual(['read a', 'read b']);
  await stop();
});

test('reads the other repositories although one of them fails', async () => {
  const { changed, pass, done, length, stop } = startQueue({
    updateSnapshot: async (some) => {
      if (some.has('bad' as RepositoryName)) throw new Error('refused');
      done.push(`read ${[...some].sort()}`);
    },
  });
  changed(names('bad', 'a', 'b', 'c'));
  await pass(60_000);
  const read = done.filter((one) => one.startsWith('read')).flatMap((one) => one.slice('read '.length).split(','));
  expect(read.sort()).toEqual(['a', 'b', 'c']);
  expect(length()).toBe(1);
  await stop();
});

test('limits the length of the queue and the size of a batch', async () => {
  const sizes: number[] = [];
  const { changed, pass, length, stop } = startQueue({ updateSnapshot: async (some) => void sizes.push(some.size) });
  changed(names(...Array.from({ length: 20_000 }, (_, i) => `r${i}`)));
  expect(length()).toBe(10_000);
  await pass(100_000);
  expect([Math.max(...sizes), sizes.reduce((sum, size) => sum + size, 0)]).toEqual([500, 10_000]);
  await stop();
});

test('pauses longer after a recrawl that took long', async () => {
  let finish = (): void => undefined;
  const { changed, pass, done, length, stop } = startQueue({
    updateSnapshot: (some) =>
      new Promise((resolve) => {
        done.push(String([...some]));
        finish = () => resolve(undefined);
      }),
  });
  changed(names('a'));
  await pass(3000);
  changed(names('b'));
  expect(length()).toBe(2);
  finish();
  await pass(3000);
  expect(done).toEqual(['a']);
  await pass(6000);
  expect(done).toEqual(['a', 'b']);
  finish();
  await stop();
});

test('stop aborts the current recrawl without a report', async () => {
  const { changed, pass, done, stop } = startQueue({
    updateSnapshot: (_, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  changed(names('a'));
  await pass(1000);
  await stop();
  expect(done).toEqual([]);
});

test('saves pulls at once without a recrawl, and reports if that fails', async () => {
  const saved: Pull[] = [];
  const pull: Pull = { repository: names('a')[0] as RepositoryName, reference: 'v1' as Pull['reference'], at: 7 };
  const saving = startQueue({ crawlState: { savePulls: async (pulls) => void saved.push(...pulls) } });
  saving.pulled([pull]);
  await saving.pass(2000);
  expect([saved, saving.done]).toEqual([[pull], []]);
  await saving.stop();
  const full = startQueue({
    crawlState: {
      savePulls: async () => {
        throw new Error('disk full');
      },
    },
  });
  full.pulled([pull]);
  await full.pass(100);
  expect(full.done).toEqual(['Error: disk full']);
  await full.stop();
});

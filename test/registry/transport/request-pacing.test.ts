import { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { expect, test } from 'vitest';
import { measureRequestRate } from '../../../src/http/request-rate.ts';
import { createAimdLimit } from '../../../src/registry/transport/aimd-limit.ts';
import { createBackpressure } from '../../../src/registry/transport/backpressure.ts';
import { createLatencyMonitor } from '../../../src/registry/transport/latency-monitor.ts';
import { createRequestPacing } from '../../../src/registry/transport/request-pacing.ts';
import { createTokenBucket } from '../../../src/registry/transport/token-bucket.ts';

/* The parts of the pace, each on a clock of its own: a number. */

const usual = { signal: new AbortController().signal, isVital: false };

test('raises the limit by one per round of responses while it is in use, up to the maximum', () => {
  const concurrency = createAimdLimit({ least: 2, most: 32 });
  const limits: number[] = [];
  for (let answers = 0; concurrency.limit() < 32; answers++) {
    if (answers > 500) throw new Error('it takes too long');
    limits.push(concurrency.limit());
    concurrency.fine(concurrency.limit());
  }
  expect(limits[0]).toBe(8);
  for (let limit = 9; limit < 32; limit++)
    expect(limits.filter((at) => at === limit).length, `${limit}`).toBeCloseTo(limit, -1);
  for (let i = 0; i < 100; i++) concurrency.fine(32);
  expect(concurrency.limit()).toBe(32);
});

test('keeps a limit that is not reached', () => {
  const concurrency = createAimdLimit({ least: 2, most: 32 });
  for (let i = 0; i < 1000; i++) concurrency.fine(7);
  expect(concurrency.limit()).toBe(8);
});

test('starts within its bounds, and sinks to the minimum after repeated trouble', () => {
  expect(createAimdLimit({ least: 1, most: 4 }).limit()).toBe(4);
  expect(createAimdLimit({ least: 20, most: 32 }).limit()).toBe(20);
  const concurrency = createAimdLimit({ least: 3, most: 32 });
  for (let now = 0; now < 10; now++) concurrency.trouble(now, now, concurrency.limit());
  expect(concurrency.limit()).toBe(3);
});

test('counts a burst of refusals once', () => {
  const concurrency = createAimdLimit({ least: 1, most: 32 });
  for (let i = 0; i < 8; i++) concurrency.trouble(0, 10 + i, 8);
  expect(concurrency.limit()).toBe(4);
  concurrency.trouble(10, 20, 4);
  expect(concurrency.limit()).toBe(2);
});

test('lowers the number of requests in flight, not a limit that was not reached', () => {
  const concurrency = createAimdLimit({ least: 1, most: 32 });
  concurrency.trouble(0, 1, 4);
  expect(concurrency.limit()).toBe(2);
});

test('grows slowly close to the last trouble, and normally above it', () => {
  const concurrency = createAimdLimit({ least: 2, most: 32 });
  const answersTo = (limit: number): number => {
    let answers = 0;
    for (; concurrency.limit() < limit; answers++) concurrency.fine(concurrency.limit());
    return answers;
  };
  answersTo(16);
  concurrency.trouble(0, 1, 16);
  expect(concurrency.limit()).toBe(8);
  expect(answersTo(15)).toBeLessThan(100); // 8 + 9 + ... + 14
  expect(answersTo(17)).toBeGreaterThan(300); // ten rounds for each
  expect(answersTo(20)).toBeLessThan(80);
});

test('settles at ten with a server that handles ten at once, with few refusals', () => {
  const concurrency = createAimdLimit({ least: 2, most: 32 });
  let refusals = 0;
  let inUse = 0;
  const rounds = 1000;
  for (let now = 0; now < rounds; now++) {
    const asked = concurrency.limit();
    for (let i = 0; i < asked; i++) {
      if (i < 10) concurrency.fine(asked);
      else refusals++;
    }
    if (asked > 10) concurrency.trouble(now, now, asked);
    inUse += Math.min(asked, 10);
  }
  expect(refusals / inUse).toBeLessThan(0.01);
  expect(inUse / rounds).toBeGreaterThan(8);
});

/** A round of answers that all took so long, or as long as each of them says. */
function round(latency: ReturnType<typeof createLatencyMonitor>, from: number, ...tookMs: readonly number[]): boolean {
  const answers = tookMs.length > 1 ? tookMs : Array.from({ length: 8 }, () => tookMs[0] ?? 0);
  return answers.map((ms) => latency.isOutOfLine(from, from + ms, 8)).includes(true);
}

test('accepts three times the latency, and no more', () => {
  const latency = createLatencyMonitor();
  expect([round(latency, 0, 100), round(latency, 1000, 299), round(latency, 2000, 301)]).toEqual([false, false, true]);
});

test('accepts every short latency', () => {
  const latency = createLatencyMonitor();
  expect([round(latency, 0, 1), round(latency, 1000, 250), round(latency, 2000, 251)]).toEqual([false, false, true]);
});

test('ignores slow responses among quick ones', () => {
  const latency = createLatencyMonitor();
  round(latency, 0, 10);
  expect(round(latency, 1000, 9000, 9000, 9000, 12, 12, 12, 12, 12)).toBe(false);
});

test('ignores responses to requests from before the limit was lowered', () => {
  const latency = createLatencyMonitor();
  round(latency, 0, 10);
  expect(round(latency, 1000, 2000)).toBe(true);
  expect(round(latency, 1001, 2500)).toBe(false);
});

test('takes the latency as normal if fewer concurrent requests are as slow', () => {
  const latency = createLatencyMonitor();
  round(latency, 0, 10);
  expect(round(latency, 1000, 1000)).toBe(true);
  for (let i = 2; i < 20; i++) expect(round(latency, i * 5000, 1000 + i), `${i}`).toBe(false);
});

test('keeps the normal latency if fewer concurrent requests are quicker', () => {
  const latency = createLatencyMonitor();
  round(latency, 0, 100);
  expect(round(latency, 1000, 400)).toBe(true);
  expect(round(latency, 2000, 200)).toBe(false);
  expect(round(latency, 3000, 400)).toBe(true);
});

test('allows a small burst, then one request after the other, after any pause', () => {
  const cap = createTokenBucket(50);
  const out: number[] = [];
  for (let now = 0; now < 10_000; now += 1) {
    if (now > 3000 && now < 7000) continue; // nobody asks
    while (cap.waitMs(now) === 0) {
      cap.take(now);
      out.push(now);
    }
  }
  for (let from = 0; from < 9000; from += 100)
    expect(out.filter((at) => at >= from && at < from + 1000).length, `${from}`).toBeLessThanOrEqual(56);
  expect(out.filter((at) => at < 3000).length).toBeGreaterThan(140);
});

test('allows a request after the announced wait, at any rate', () => {
  for (const rate of [1, 3, 7, 999, 10_000]) {
    const cap = createTokenBucket(rate);
    let now = 5;
    for (let i = 0; i < 5000; i++) {
      now += cap.waitMs(now) + 1e-6;
      expect(cap.waitMs(now)).toBe(0);
      cap.take(now);
    }
    expect(now).toBeGreaterThan(((5000 - Math.max(1, rate / 10)) / rate) * 1000 - 1);
  }
  expect(createTokenBucket(0).waitMs(0)).toBe(0);
});

test('pauses all requests after several refusals in a row, until the longest requested time', () => {
  const pause = createBackpressure();
  pause.refused(0, 20_000);
  pause.refused(0, 5000);
  pause.answered();
  pause.refused(10, 1000);
  pause.refused(10, 4000);
  expect(pause.remainingMs(10)).toBe(0);
  pause.refused(20, 2000);
  expect([pause.remainingMs(20), pause.remainingMs(4010), pause.remainingMs(9999)]).toEqual([3990, 0, 0]);
});

test('pauses at most a minute, and only if the server asks for it', () => {
  const pause = createBackpressure();
  for (let i = 0; i < 5; i++) pause.refused(0, undefined);
  expect(pause.remainingMs(0)).toBe(0);
  for (let i = 0; i < 5; i++) pause.refused(0, 86_400_000);
  expect(pause.remainingMs(0)).toBe(60_000);
});

test('sends few requests while the service is busy, and as many as before afterwards', async () => {
  let isBusy = true;
  let begun = 0;
  const pace = createRequestPacing({
    ...{ concurrencyMin: 2, concurrencyMax: 32, requestsPerSecond: 0 },
    steadyClock: () => 0,
    isBusy: () => isBusy,
  });
  for (let i = 0; i < 20; i++) void pace.begin(usual).then(() => begun++);
  await new Promise(setImmediate);
  expect([begun, pace.concurrency()]).toEqual([2, 2]);
  isBusy = false;
  pace.end(0, { kind: 'unknown' });
  await new Promise(setImmediate);
  expect([begun, pace.concurrency()]).toEqual([9, 8]);
});

test('is busy with more than a hundred requests in the last second', () => {
  let now = 0;
  const server = new EventEmitter() as Server;
  const isMany = measureRequestRate(server, () => now);
  const ask = (count: number): void => {
    for (let i = 0; i < count; i++) server.emit('request');
  };
  ask(101);
  expect(isMany(), 'the second is not over').toBe(false);
  now += 1000;
  expect(isMany()).toBe(true);
  ask(100);
  now += 999;
  expect(isMany(), 'it holds until the next one is over').toBe(true);
  now += 1;
  expect(isMany()).toBe(false);
});

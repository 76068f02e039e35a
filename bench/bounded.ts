import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { type Child, freePort, startChild, startListening } from '../lab/child.ts';
import { createTokens } from '../src/auth/tokens.ts';
import { largeRepositoryName, SECRET_KEY } from './large-registry.ts';
import { memoryOf } from './process-memory.ts';

const GAPS = 40_000;
const REQUESTS = 1000;
const BEFORE_SECONDS = 3;
const GONE_AFTER_SECONDS = 2;
const AFTER_SECONDS = 12;
const STAYS_SECONDS = 10;
const INTERVAL_MS = 20;
/** A server that is kept busy does not accept a connection for a long time: that is measured, and not an error. */
const PATIENT = { connect: { timeout: 300_000 } };
const KINDS = ['search', 'order_by', 'gaps', 'csv'] as const;

const tokens = createTokens({ secretKey: SECRET_KEY, expiresInSeconds: 86_400, clock: Date.now });

/**
 * Measures how long other users wait while one user pipelines 1000 expensive requests on one connection and goes after two seconds, and then while that
 * user stays and reads: first on one connection, then with the requests spread over thirty. The registry exists only in memory.
 */
export async function benchBounded(tags: number): Promise<object> {
  const results: Record<string, object> = {};
  for (const kind of KINDS) {
    process.stderr.write(`bench: bounded: ${kind} ...\n`);
    results[kind] = await withServer(tags, (port, server) => measureAttack(kind, port, server));
  }
  return { tags, gaps: GAPS, requests: REQUESTS, ...results };
}

/** Each kind gets a server of its own, so that nothing is left from the one before. */
async function withServer<T>(tags: number, task: (port: number, server: Child) => Promise<T>): Promise<T> {
  const port = await freePort();
  const script = new URL('./large-server.ts', import.meta.url).pathname;
  const server = await startListening(process.execPath, [script, String(port), String(tags), String(GAPS)], port);
  try {
    return await task(port, server);
  } finally {
    await server.kill();
  }
}

async function measureAttack(kind: string, port: number, server: Child): Promise<object> {
  const victim = await createVictim(port);
  const attack = async (connections: number, seconds: number, mode: 'gone' | 'reads'): Promise<Child> => {
    const script = new URL('./pipeliner.ts', import.meta.url).pathname;
    const parameters = [port, await tokens.issue('attacker'), kind, REQUESTS, connections, seconds, mode];
    return startChild(process.execPath, [script, ...parameters.map(String)]);
  };
  const before = await victim.measure(BEFORE_SECONDS);
  await attack(1, GONE_AFTER_SECONDS, 'gone');
  const during = await victim.measure(GONE_AFTER_SECONDS);
  const after = await victim.measure(AFTER_SECONDS);
  const results: Record<string, object> = { before, during, after };
  for (const connections of [1, 30]) {
    const attacker = await attack(connections, STAYS_SECONDS, 'reads');
    const measured = await victim.measure(STAYS_SECONDS);
    await attacker.ended;
    results[`whileReadingOn${connections}`] = {
      ...measured,
      mebibytesRead: Math.round(Number(attacker.output()) / 2 ** 20),
    };
  }
  return { ...results, peakMiB: (await memoryOf(server.pid)).peakMiB };
}

/** Another user, and a probe. */
async function createVictim(port: number) {
  const agent = new Agent(PATIENT);
  const probes = new Agent(PATIENT);
  const headers = { authorization: `Bearer ${await tokens.issue('victim')}` };
  const origin = `http://127.0.0.1:${port}`;
  let asked = 0;

  async function ask(path: string, dispatcher: Agent, own: Readonly<Record<string, string>> = {}): Promise<void> {
    const response = await request(origin + path, { dispatcher, headers: own });
    await response.body.text();
    if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`);
  }

  /** Sends a request at each interval, whether those before it have been answered or not. */
  async function repeat(seconds: number, once: () => Promise<void>): Promise<Latency> {
    const timed = async (): Promise<number> => {
      const startedAt = performance.now();
      await once();
      return performance.now() - startedAt;
    };
    const times: Promise<number>[] = [];
    const end = performance.now() + seconds * 1000;
    for (let dueAt = performance.now(); dueAt < end; dueAt += INTERVAL_MS) {
      await sleep(Math.max(0, dueAt - performance.now()));
      times.push(timed());
    }
    return latencyOf(await Promise.all(times));
  }

  return {
    async measure(seconds: number): Promise<{ readonly repository: Latency; readonly live: Latency }> {
      const [repository, live] = await Promise.all([
        // Another repository each time, so that no response comes from a cache.
        repeat(seconds, () =>
          ask(`/repositories/${encodeURIComponent(largeRepositoryName(asked++ % 1000))}`, agent, headers),
        ),
        repeat(seconds, () => ask('/health/live', probes)),
      ]);
      return { repository, live };
    },
  };
}

interface Latency {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

function latencyOf(times: readonly number[]): Latency {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) * 10) / 10;
  return { requests: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

import type { Server } from 'node:http';
import type { SteadyClock } from '../ports.ts';

const WINDOW_MS = 1000;
/** More requests than people and dashboards send. At this rate, a millisecond of work delays many clients. */
const BUSY_PER_SECOND = 100;

/** Returns a function that tells whether many requests arrived in the last second. */
export function measureRequestRate(server: Server, steadyClock: SteadyClock): () => boolean {
  let count = 0;
  let since = steadyClock();
  let isBusy = false;
  server.on('request', () => count++);
  return () => {
    const elapsedMs = steadyClock() - since;
    if (elapsedMs >= WINDOW_MS) {
      isBusy = (count * 1000) / elapsedMs > BUSY_PER_SECOND;
      count = 0;
      since += elapsedMs;
    }
    return isBusy;
  };
}

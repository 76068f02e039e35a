import type { Server } from 'node:http';
import type { SteadyClock } from '../ports.ts';

const WINDOW_MS = 1000;
/** More than people and dashboards ask; then one more millisecond is one more for many. */
const MANY_PER_SECOND = 100;

/** Tells whether many ask at present, as far as the last second knows. */
export function measureRequestRate(server: Server, steadyClock: SteadyClock): () => boolean {
  let count = 0;
  let since = steadyClock();
  let isMany = false;
  server.on('request', () => count++);
  return () => {
    const elapsedMs = steadyClock() - since;
    if (elapsedMs >= WINDOW_MS) {
      isMany = (count * 1000) / elapsedMs > MANY_PER_SECOND;
      count = 0;
      since += elapsedMs;
    }
    return isMany;
  };
}

import type { FastifyInstance } from 'fastify';
import { createServer } from '../../src/api/server.ts';
import type { Notifications, Pull } from '../../src/ports.ts';
import { NOTHING_CRAWLED } from './sample-crawl-stats.ts';
import { emptySnapshot } from './sample-snapshot.ts';

export const NOW = Date.UTC(2026, 10, 25, 12);

/** The real server with nothing behind it but somebody who writes down what it hears. */
export interface EventListener {
  readonly server: FastifyInstance;
  /** The repositories of each call. */
  readonly changed: (readonly string[])[];
  readonly pulled: Pull[];
  /** The lines of the log, as they would be written. */
  readonly log: string[];
}

export function createEventListener(secret: string | undefined, clock = (): number => NOW): EventListener {
  const [changed, pulled, log]: [(readonly string[])[], Pull[], string[]] = [[], [], []];
  const notifications: Notifications = {
    changed: (repositories) => void changed.push(repositories),
    pulled: (pulls) => void pulled.push(...pulls),
  };
  const server = createServer({
    prefix: '/usage',
    version: '0',
    corsOrigins: '*',
    snapshots: { latest: () => emptySnapshot(NOW) },
    scheduler: {
      status: () => ({
        running: undefined,
        failure: undefined,
        lastFinishedAt: undefined,
        recrawlQueueLength: 0,
        nextAt: 0,
      }),
      stats: () => NOTHING_CRAWLED,
      request: () => 'running',
    },
    notifications,
    events: { secret },
    metrics: { isEnabled: false, token: undefined, namespacesLimit: 0, repositoriesLimit: 0 },
    clock,
    directory: { authenticate: async () => false },
    tokens: {
      expiresInSeconds: 60,
      issue: async () => '',
      verify: async (token) => (token === 'good' ? { user: 'alice' } : undefined),
      recall: (token) => (token === 'good' ? { user: 'alice' } : undefined),
    },
    log: {
      isLevelEnabled: () => true,
      debug: (fields, event) => void log.push(JSON.stringify({ ...fields, event })),
      info: (fields, event) => void log.push(JSON.stringify({ ...fields, event })),
      error: (fields, event) => void log.push(JSON.stringify({ ...fields, event })),
    },
  });
  return { server, changed, pulled, log };
}

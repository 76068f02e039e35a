import type { FastifyInstance } from 'fastify';
import { createServer, type ServerOptions } from '../../src/api/server.ts';
import type { CrawlStatus } from '../../src/ports.ts';
import { NOTHING_CRAWLED } from './sample-crawl-stats.ts';

export const NOW = Date.UTC(2026, 10, 25, 12);

/** A service that waits for its next collection, and whose last one went well. */
export const WAITING: CrawlStatus = {
  running: undefined,
  failure: undefined,
  lastFinishedAt: undefined,
  recrawlQueueLength: 0,
  nextAt: NOW + 60_000,
};

/** The real server below `/usage`, with nothing behind it; the options replace some of the usual ones. */
export function createSampleServer(changes: Partial<ServerOptions> = {}): FastifyInstance {
  return createServer({
    prefix: '/usage',
    version: '0',
    corsOrigins: '*',
    snapshots: { latest: () => undefined },
    scheduler: schedulerIn(WAITING),
    notifications: { changed() {}, pulled() {} },
    events: { secret: undefined },
    metrics: { isEnabled: true, token: undefined, namespacesLimit: 100, repositoriesLimit: 100 },
    clock: () => NOW,
    directory: { authenticate: async () => false },
    tokens: {
      expiresInSeconds: 60,
      issue: async () => '',
      verify: async (token) => (token === 'good' ? { user: 'alice' } : undefined),
      recall: (token) => (token === 'good' ? { user: 'alice' } : undefined),
    },
    log: { isLevelEnabled: () => true, debug() {}, info() {}, error() {} },
    ...changes,
  });
}

export function schedulerIn(state: CrawlStatus): ServerOptions['scheduler'] {
  return { status: () => state, stats: () => NOTHING_CRAWLED, request: () => 'running' };
}

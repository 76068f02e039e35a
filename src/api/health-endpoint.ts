import type { FastifyInstance } from 'fastify';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { type Problem, sendProblem } from '../http/problems.ts';
import type { Clock, CrawlScheduler, CrawlStatus, Snapshots } from '../ports.ts';
import { representTime, representTimeOrNull } from './hal/represent-figures.ts';
import { NO_SNAPSHOT_YET } from './problems.ts';
import { PATHS } from './route-table.ts';
import type { Checks, Live, Ready } from './schemas/crawl.ts';

export interface HealthOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
}

/**
 * Adds `GET /health/live` and `GET /health/ready`. The service is live if it responds, and ready if it has a snapshot of any age: while the registry is
 * down, the last figures are still useful. The checks of a ready service show failures.
 */
export function addHealth(server: FastifyInstance, { prefix, snapshots, scheduler, clock }: HealthOptions): void {
  server.get(prefix + PATHS.live, (_, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'live' } satisfies Live),
  );
  server.get(prefix + PATHS.ready, (_, reply) => {
    const [snapshot, status, now] = [snapshots.latest(), scheduler.status(), clock()];
    const checks = representChecks(snapshot, status, now);
    if (snapshot === undefined) return sendProblem(reply, notReady(status, now, checks));
    return reply.header('cache-control', 'no-store').send({ status: 'ready', checks } satisfies Ready);
  });
}

/** A failed check has the status `fail` if the service is not ready, and `warn` if it is. */
function representChecks(
  snapshot: Snapshot | undefined,
  { running, failure, nextAt }: CrawlStatus,
  now: number,
): Checks {
  const failed = snapshot === undefined ? 'fail' : 'warn';
  return {
    snapshot:
      snapshot === undefined
        ? { status: 'fail' }
        : {
            status: 'pass',
            taken_at: representTime(snapshot.finishedAt),
            age_seconds: Math.max(0, Math.round((now - snapshot.finishedAt) / 1000)),
          },
    collection: {
      status: failure === undefined ? 'pass' : failed,
      running_since: representTimeOrNull(running?.startedAt),
      // Health needs no token, so it does not name the request that failed.
      last_failure:
        failure === undefined ? null : { at: representTime(failure.at), kind: failure.kind, reason: failure.reason },
      next_at: representTimeOrNull(nextAt),
    },
    store: { status: failure?.kind === 'store' ? failed : 'pass' },
  };
}

function notReady({ running, failure, nextAt }: CrawlStatus, now: number, checks: Checks): Problem {
  const parts = [
    NO_SNAPSHOT_YET.detail,
    ...(failure === undefined ? [] : [`the last crawl failed at ${representTime(failure.at)}: ${failure.reason}`]),
    ...(running === undefined ? [] : [`a crawl has been running since ${representTime(running.startedAt)}`]),
    ...(nextAt === undefined ? [] : [`the next crawl starts at ${representTime(nextAt)}`]),
  ];
  const waitMs = nextAt === undefined ? undefined : nextAt - now;
  const retryAfter = waitMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) };
  return {
    ...NO_SNAPSHOT_YET,
    detail: parts.join('; '),
    headers: { ...NO_SNAPSHOT_YET.headers, ...retryAfter },
    members: { checks },
  };
}

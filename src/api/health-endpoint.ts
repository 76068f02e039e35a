import type { FastifyInstance } from 'fastify';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { NOT_COLLECTED_YET, type Problem, sendProblem } from '../http/problems.ts';
import type { Clock, CrawlScheduler, CrawlStatus, Snapshots } from '../ports.ts';
import { representTime, representTimeOrNull } from './hal/represent-figures.ts';
import type { Checks, Live, Ready } from './schemas/crawl.ts';

export interface HealthOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
}

/**
 * For probes, and so without a token. Alive is whatever answers. Ready is what has a snapshot to answer from, however old: nobody would be helped if
 * the last figures went away with the registry. What is wrong meanwhile is told all the same.
 */
export function addHealth(server: FastifyInstance, { prefix, snapshots, scheduler, clock }: HealthOptions): void {
  server.get(`${prefix}/health/live`, (_, reply) =>
    reply.header('cache-control', 'no-store').send({ status: 'live' } satisfies Live),
  );
  server.get(`${prefix}/health/ready`, (_, reply) => {
    const [snapshot, state, now] = [snapshots.latest(), scheduler.status(), clock()];
    const checks = representChecks(snapshot, state, now);
    if (snapshot === undefined) return sendProblem(reply, notReady(state, now, checks));
    return reply.header('cache-control', 'no-store').send({ status: 'ready', checks } satisfies Ready);
  });
}

/** `pass`; `fail`, and therefore not ready; or `warn`: wrong, but there still is a snapshot. */
function representChecks(
  snapshot: Snapshot | undefined,
  { running, failure, nextAt }: CrawlStatus,
  now: number,
): Checks {
  const wrong = snapshot === undefined ? 'fail' : 'warn';
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
      status: failure === undefined ? 'pass' : wrong,
      running_since: representTimeOrNull(running?.startedAt),
      // Health needs no token, so it does not name the request that failed.
      last_failure:
        failure === undefined ? null : { at: representTime(failure.at), kind: failure.kind, reason: failure.reason },
      next_at: representTimeOrNull(nextAt),
    },
    store: { status: failure?.kind === 'store' ? wrong : 'pass' },
  };
}

function notReady({ running, failure, nextAt }: CrawlStatus, now: number, checks: Checks): Problem {
  const parts = [
    NOT_COLLECTED_YET.detail,
    ...(failure === undefined ? [] : [`the last attempt failed at ${representTime(failure.at)}: ${failure.reason}`]),
    ...(running === undefined ? [] : [`a collection has been running since ${representTime(running.startedAt)}`]),
    ...(nextAt === undefined ? [] : [`the next one starts at ${representTime(nextAt)}`]),
  ];
  const waitMs = nextAt === undefined ? undefined : nextAt - now;
  const retryAfter = waitMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) };
  return {
    ...NOT_COLLECTED_YET,
    detail: parts.join('; '),
    headers: { ...NOT_COLLECTED_YET.headers, ...retryAfter },
    members: { checks },
  };
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { HAL } from '../http/bodies/send-body.ts';
import { COLLECTING_ALREADY, sendProblem, tooSoon } from '../http/problems.ts';
import type { Clock, CrawlScheduler, Snapshots } from '../ports.ts';
import { createLinks } from './hal/links.ts';
import { representCrawl } from './hal/represent-crawl.ts';

export interface CrawlControlOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
}

/** `/collection`: what goes on, and a way to start a collection before its time. */
export function createCrawlControl({ prefix, snapshots, scheduler, clock }: CrawlControlOptions) {
  const links = createLinks(prefix);
  const send = (reply: FastifyReply): FastifyReply =>
    reply
      .header('cache-control', 'no-store')
      .type(HAL)
      .send(Buffer.from(JSON.stringify(representCrawl(scheduler.status(), snapshots.latest(), clock(), links))));
  return {
    show: (_: FastifyRequest, reply: FastifyReply): FastifyReply => send(reply),
    begin(_: FastifyRequest, reply: FastifyReply): FastifyReply {
      const outcome = scheduler.request();
      if (outcome === 'running') return sendProblem(reply, COLLECTING_ALREADY);
      if (outcome !== 'started') return sendProblem(reply, tooSoon(outcome.retryAfterMs));
      return send(reply.code(202).header('location', links.crawl()));
    },
  };
}

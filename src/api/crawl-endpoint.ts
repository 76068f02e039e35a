import type { FastifyReply, FastifyRequest } from 'fastify';
import { HAL } from '../http/bodies/send-body.ts';
import { sendProblem } from '../http/problems.ts';
import type { Clock, CrawlScheduler, Snapshots } from '../ports.ts';
import { createLinks } from './hal/links.ts';
import { representCrawl } from './hal/represent-crawl.ts';
import { CRAWL_IS_RUNNING, crawlTooSoon } from './problems.ts';

export interface CrawlEndpointOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
}

/** Returns the handlers of `/collection`, which show the state of the crawls, and start one. */
export function createCrawlEndpoint({ prefix, snapshots, scheduler, clock }: CrawlEndpointOptions) {
  const links = createLinks(prefix);
  const send = (reply: FastifyReply): FastifyReply =>
    reply
      .header('cache-control', 'no-store')
      .type(HAL)
      .send(Buffer.from(JSON.stringify(representCrawl(scheduler.status(), snapshots.latest(), clock(), links))));
  return {
    show: (_: FastifyRequest, reply: FastifyReply): FastifyReply => send(reply),
    start(_: FastifyRequest, reply: FastifyReply): FastifyReply {
      const outcome = scheduler.request();
      if (outcome === 'running') return sendProblem(reply, CRAWL_IS_RUNNING);
      if (outcome !== 'started') return sendProblem(reply, crawlTooSoon(outcome.retryAfterMs));
      return send(reply.code(202).header('location', links.crawl()));
    },
  };
}

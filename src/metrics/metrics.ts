import { collectDefaultMetrics, openMetricsContentType, prometheusContentType, Registry } from '@prometheus-io/client';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bearerToken, createSecretCheck } from '../http/authorization.ts';
import { sendProblem, unauthorized } from '../http/problems.ts';
import { qualityValues } from '../http/quality-values.ts';
import type { TrackedRequests } from '../http/request-lifecycle.ts';
import type { Clock, CrawlScheduler, Snapshots } from '../ports.ts';
import { addCrawlMetrics } from './crawl-metrics.ts';
import { addRequestMetrics } from './request-metrics.ts';
import { addSnapshotMetrics } from './snapshot-metrics.ts';

export interface MetricsOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
  readonly metrics: {
    /** Otherwise there is no such path. */
    readonly isEnabled: boolean;
    /** What Prometheus shows to be let in. Undefined: everybody is, and no names are told. */
    readonly token: string | undefined;
    /** How many have figures of their own at most. */
    readonly namespacesLimit: number;
    readonly repositoriesLimit: number;
  };
}

/** `GET /metrics`: what goes on, and the figures of the last snapshot, as Prometheus reads them. */
export function addMetrics(server: FastifyInstance, followed: TrackedRequests, options: MetricsOptions): void {
  const { isEnabled, token, ...limits } = options.metrics;
  if (!isEnabled) return;
  const registry = createProcessRegistry();
  addRequestMetrics(followed, registry);
  addCrawlMetrics(registry, options);
  const names = token === undefined ? { namespacesLimit: 0, repositoriesLimit: 0 } : limits;
  const readSnapshot = addSnapshotMetrics(registry, { ...options, ...names });
  const isToken = token === undefined ? () => true : createSecretCheck(token);

  server.get(`${options.prefix}/metrics`, async (request: FastifyRequest, reply: FastifyReply) => {
    const { accept, authorization } = request.headers;
    if (!isToken(authorization)) return sendProblem(reply, refusal(authorization));
    readSnapshot();
    const text = await registry.metrics();
    const isOpen = wantsOpenMetrics(accept);
    return reply
      .header('cache-control', 'no-store')
      .type(isOpen ? openMetricsContentType : prometheusContentType)
      .send(isOpen ? toOpenMetrics(text) : text);
  });
}

function refusal(authorization: string | undefined) {
  return unauthorized('The token of the section [metrics] is needed', bearerToken(authorization) !== undefined);
}

/** Gauges by the names of counters, and those that tell what others tell, by names that no linter of Prometheus lets pass. */
const LEFT_OUT = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
];

function createProcessRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of LEFT_OUT) registry.removeSingleMetric(name);
  return registry;
}

function wantsOpenMetrics(accept: string | undefined): boolean {
  const wanted = qualityValues(accept);
  const open = wanted.get('application/openmetrics-text') ?? 0;
  return open > 0 && open >= (wanted.get('text/plain') ?? wanted.get('text/*') ?? wanted.get('*/*') ?? 0);
}

/**
 * The same in OpenMetrics 1.0.0, which names the family of a counter without `_total`, has no empty lines, and an end that tells a whole answer from
 * a broken one. The library would do it too, but renames its counters for good: Prometheus's own format is wrong from then on.
 */
function toOpenMetrics(text: string): string {
  return `${text.replaceAll(/^(# (?:HELP|TYPE) \S+)_total /gm, '$1 ').replaceAll('\n\n', '\n')}# EOF\n`;
}

import { collectDefaultMetrics, openMetricsContentType, prometheusContentType, Registry } from '@prometheus-io/client';
import type { Clock, CrawlScheduler, Metrics, Snapshots } from '../ports.ts';
import { addCrawlMetrics } from './crawl-metrics.ts';
import { addRequestMetrics } from './request-metrics.ts';
import { addSnapshotMetrics } from './snapshot-metrics.ts';

export interface MetricsOptions {
  readonly snapshots: Snapshots;
  readonly scheduler: CrawlScheduler;
  readonly clock: Clock;
  /** Whether clients need a token to read the metrics. Otherwise anyone can read them, so they contain no names. */
  readonly isProtected: boolean;
  /** How many namespaces and repositories have series of their own. */
  readonly namespacesLimit: number;
  readonly repositoriesLimit: number;
}

/** Creates the metrics of the process, the requests, the crawls and the last snapshot. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = createProcessRegistry();
  const observe = addRequestMetrics(registry);
  addCrawlMetrics(registry, options);
  const limits = options.isProtected ? options : { namespacesLimit: 0, repositoriesLimit: 0 };
  const updateSnapshotMetrics = addSnapshotMetrics(registry, { ...options, ...limits });
  return {
    observe,
    async render(format) {
      updateSnapshotMetrics();
      const text = await registry.metrics();
      return format === 'openmetrics'
        ? { contentType: openMetricsContentType, text: toOpenMetrics(text) }
        : { contentType: prometheusContentType, text };
    },
  };
}

/** Default metrics with a name that Prometheus's linter rejects: gauges named like counters, and metrics that repeat others. */
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

/**
 * Converts to OpenMetrics 1.0.0, where the family of a counter has no `_total`, there are no empty lines, and an end mark shows that the response is
 * complete. The library can write OpenMetrics too, but it renames its counters for good, and the Prometheus format is wrong from then on.
 */
function toOpenMetrics(text: string): string {
  return `${text.replaceAll(/^(# (?:HELP|TYPE) \S+)_total /gm, '$1 ').replaceAll('\n\n', '\n')}# EOF\n`;
}

import type { Registry } from '@prometheus-io/client';
import type { CrawlScheduler } from '../ports.ts';
import { addCounter, addCounters, addGauge } from './gauges.ts';

/** Adds the metrics of the crawls. Metrics of the last crawl are absent before the first one. */
export function addCrawlMetrics(
  registry: Registry,
  { scheduler: { status, stats } }: { readonly scheduler: CrawlScheduler },
): void {
  const gauge = addGauge.bind(undefined, registry);
  const counter = addCounter.bind(undefined, registry);
  const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

  gauge('collection_running', '1 while a crawl is running, else 0.', () => Number(status().running !== undefined));
  gauge('collection_failing', '1 if the last crawl failed, else 0.', () => Number(status().failure !== undefined));
  gauge('collection_last_start_timestamp_seconds', 'When the last crawl started.', () =>
    seconds(stats().lastStartedAt),
  );
  gauge(
    'collection_last_success_timestamp_seconds',
    'When the last successful crawl since the start of the service finished.',
    () => seconds(status().lastFinishedAt),
  );
  gauge(
    'collection_last_duration_seconds',
    'How long the last successful crawl since the start of the service took.',
    () => seconds(stats().lastDurationMs),
  );
  gauge('collection_next_timestamp_seconds', 'When the next crawl starts; absent while one is running.', () =>
    seconds(status().nextAt),
  );
  counter('collections_succeeded_total', 'Crawls that succeeded.', () => stats().succeededCount);
  addCounters(
    registry,
    'collections_failed_total',
    'Crawls that failed, by the kind of failure.',
    'kind',
    () => stats().failedCounts,
  );
  counter('collected_repositories_total', 'Repositories that crawls have processed.', () => stats().repositoriesRead);
  counter('collected_tags_total', 'Tags that crawls have processed.', () => stats().tagsRead);
  counter(
    'registry_requests_total',
    'Requests to the registry, its token service and GitLab, retries included.',
    () => stats().requestsCount,
  );
  gauge(
    'noticed_repositories',
    'Repositories that will be read again soon, because the registry has notified of a change.',
    () => status().recrawlQueueLength,
  );
}

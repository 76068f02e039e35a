import type { Registry } from '@prometheus-io/client';
import type { CrawlScheduler } from '../ports.ts';
import { addCounter, addCounters, addGauge } from './gauges.ts';

/** How the collections go. Before the first, what there is to say of the last one is absent. */
export function addCrawlMetrics(
  registry: Registry,
  { scheduler: { status, stats } }: { readonly scheduler: CrawlScheduler },
): void {
  const gauge = addGauge.bind(undefined, registry);
  const counter = addCounter.bind(undefined, registry);
  const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

  gauge('collection_running', '1 while a collection is under way, else 0.', () =>
    Number(status().running !== undefined),
  );
  gauge('collection_failing', '1 if the last collection failed, else 0.', () => Number(status().failure !== undefined));
  gauge('collection_last_start_timestamp_seconds', 'When the last collection started.', () =>
    seconds(stats().lastStartedAt),
  );
  gauge(
    'collection_last_success_timestamp_seconds',
    'When the last collection finished that succeeded since the start.',
    () => seconds(status().lastFinishedAt),
  );
  gauge('collection_last_duration_seconds', 'How long the last collection took that succeeded since the start.', () =>
    seconds(stats().lastDurationMs),
  );
  gauge('collection_next_timestamp_seconds', 'When the next collection starts; absent while one is under way.', () =>
    seconds(status().nextAt),
  );
  counter('collections_succeeded_total', 'Crawls that succeeded.', () => stats().succeededCount);
  addCounters(
    registry,
    'collections_failed_total',
    'Crawls that failed, by the kind of their failure.',
    'kind',
    () => stats().failedCounts,
  );
  counter(
    'collected_repositories_total',
    'Repositories that collections have gone through.',
    () => stats().repositoriesRead,
  );
  counter('collected_tags_total', 'Tags that collections have gone through.', () => stats().tagsRead);
  counter(
    'registry_requests_total',
    'Requests to the registry, its token service and GitLab, retries included.',
    () => stats().requestsCount,
  );
  gauge(
    'noticed_repositories',
    'Repositories that are about to be read again, since the registry told that they changed.',
    () => status().recrawlQueueLength,
  );
}

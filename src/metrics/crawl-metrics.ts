import type { Registry } from '@prometheus-io/client';
import type { CrawlScheduler } from '../ports.ts';
import { addCounter, addCounters, addGauge } from './gauges.ts';

/** How the collections go. Before the first, what there is to say of the last one is absent. */
export function addCrawlMetrics(
  registry: Registry,
  { scheduler: { state, tally } }: { readonly scheduler: CrawlScheduler },
): void {
  const gauge = addGauge.bind(undefined, registry);
  const counter = addCounter.bind(undefined, registry);
  const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

  gauge('collection_running', '1 while a collection is under way, else 0.', () =>
    Number(state().running !== undefined),
  );
  gauge('collection_failing', '1 if the last collection failed, else 0.', () => Number(state().failure !== undefined));
  gauge('collection_last_start_timestamp_seconds', 'When the last collection started.', () =>
    seconds(tally().lastStartedAt),
  );
  gauge(
    'collection_last_success_timestamp_seconds',
    'When the last collection finished that succeeded since the start.',
    () => seconds(state().lastFinishedAt),
  );
  gauge('collection_last_duration_seconds', 'How long the last collection took that succeeded since the start.', () =>
    seconds(tally().lastDurationMs),
  );
  gauge('collection_next_timestamp_seconds', 'When the next collection starts; absent while one is under way.', () =>
    seconds(state().nextAt),
  );
  counter('collections_succeeded_total', 'Crawls that succeeded.', () => tally().succeededCount);
  addCounters(
    registry,
    'collections_failed_total',
    'Crawls that failed, by the kind of their failure.',
    'kind',
    () => tally().failedCounts,
  );
  counter(
    'collected_repositories_total',
    'Repositories that collections have gone through.',
    () => tally().repositoriesRead,
  );
  counter('collected_tags_total', 'Tags that collections have gone through.', () => tally().tagsRead);
  counter(
    'registry_requests_total',
    'Requests to the registry, its token service and GitLab, retries included.',
    () => tally().requestsCount,
  );
  gauge(
    'noticed_repositories',
    'Repositories that are about to be read again, since the registry told that they changed.',
    () => state().noticedCount,
  );
}

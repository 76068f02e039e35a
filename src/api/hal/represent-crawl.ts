import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { countStale } from '../../domain/usage/figures.ts';
import type { CrawlStatus } from '../../ports.ts';
import type { Crawl, Running } from '../schemas/crawl.ts';
import type { Links } from './links.ts';
import { representFailedRequest } from './represent-failed-request.ts';
import { representTime, representTimeOrNull } from './represent-figures.ts';

/** Represents the state of the crawl: its progress, how the last one ended, and when the next one starts. */
export function representCrawl(
  { running, failure, lastFinishedAt, recrawlQueueLength, isPullThroughCache = false, nextAt }: CrawlStatus,
  snapshot: Snapshot | undefined,
  now: number,
  links: Links,
): Crawl {
  return {
    state:
      running !== undefined ? 'running' : nextAt !== undefined || lastFinishedAt !== undefined ? 'waiting' : 'starting',
    running: running === undefined ? null : representRunning(running, now),
    last_failure:
      failure === undefined
        ? null
        : { at: representTime(failure.at), reason: failure.reason, ...representFailedRequest(failure.request) },
    // Between a start of the service and the end of its first crawl, only the stored snapshot has that time.
    last_finished_at: representTimeOrNull(lastFinishedAt ?? snapshot?.finishedAt),
    next_at: representTimeOrNull(nextAt),
    noticed_repositories_count: recrawlQueueLength,
    pull_through_cache: isPullThroughCache,
    snapshot: snapshot?.id ?? null,
    complete: snapshot?.figures.isComplete ?? false,
    gaps_count: snapshot?.gaps.length ?? null,
    stale_repositories_count: snapshot === undefined ? null : countStale(snapshot),
    configs_pending: snapshot?.configsPending ?? null,
    garbage_collector: snapshot === undefined ? null : representCollector(snapshot),
    _links: { self: { href: links.crawl() }, gaps: { href: links.gaps() } },
  };
}

function representCollector({ garbageCollector, hazard }: Snapshot): Crawl['garbage_collector'] {
  return {
    ...garbageCollector,
    hazard:
      hazard === undefined
        ? null
        : {
            destroys: hazard.destroys,
            tags_count: hazard.tagsCount,
            manifests_count: hazard.manifestsCount,
            examples: hazard.examples.map(({ manifestsCount, ...example }) => ({
              ...example,
              manifests_count: manifestsCount,
            })),
          },
  };
}

function representRunning(
  { startedAt, requestsCount, progress, heldUp }: NonNullable<CrawlStatus['running']>,
  now: number,
): Running {
  const seconds = Math.max(0, now - startedAt) / 1000;
  return {
    started_at: representTime(startedAt),
    seconds,
    requests_count: requestsCount,
    requests_per_second: seconds > 0 ? Math.round((requestsCount / seconds) * 10) / 10 : null,
    repositories_found: progress.repositoriesFound,
    repositories_read: progress.repositoriesRead,
    repositories_kept: progress.repositoriesKept,
    tags_found: progress.tagsFound,
    tags_read: progress.tagsRead,
    held_up: heldUp === undefined ? null : { since: representTime(heldUp.since), until: representTime(heldUp.until) },
  };
}

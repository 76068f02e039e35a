import type { Gap, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { lazyArrayOf } from '../../http/bodies/json-stream.ts';
import type { CrawlStatus } from '../../ports.ts';
import { membersIn, type View } from '../collections/collection.ts';
import type { Collection, GapOfList, Gaps, Running } from '../schemas/crawl.ts';
import type { EmbedOptions } from '../snapshot/embed-options.ts';
import type { Links } from './links.ts';
import { countStale, representTime, representTimeOrNull } from './represent-figures.ts';

/** What the last collection could not read, and why. */
export function representGaps(
  { finishedAt, figures, gaps }: Snapshot,
  view: View,
  wants: EmbedOptions,
  links: Links,
): Gaps {
  const shown = membersIn(view, gaps, (position) => gaps[position] as Gap);
  return {
    timestamp: finishedAt / 1000,
    complete: figures.isComplete,
    gaps_count: gaps.length,
    ...view.state,
    gaps: lazyArrayOf(shown, representGap),
    ...(wants.links && { _links: { ...view.links, up: { href: links.repositories() } } }),
  };
}

export function representGap({ repository, reference, code, reason, staleSince }: Gap): GapOfList {
  return { repository, reference: reference ?? null, code, reason, stale_since: representTimeOrNull(staleSince) };
}

/** What is being collected, how it went last, and when the next collection starts. */
export function representCollection(
  { running, failure, lastFinishedAt, recrawlQueueLength, nextAt }: CrawlStatus,
  snapshot: Snapshot | undefined,
  now: number,
  links: Links,
): Collection {
  return {
    state: running !== undefined ? 'running' : nextAt !== undefined ? 'waiting' : 'starting',
    running: running === undefined ? null : representRunning(running, now),
    last_failure: failure === undefined ? null : { at: representTime(failure.at), reason: failure.reason },
    // After a start, until a collection has finished, the snapshot is all there is to tell it by.
    last_finished_at: representTimeOrNull(lastFinishedAt ?? snapshot?.finishedAt),
    next_at: representTimeOrNull(nextAt),
    noticed_repositories_count: recrawlQueueLength,
    snapshot: snapshot?.id ?? null,
    complete: snapshot?.figures.isComplete ?? false,
    gaps_count: snapshot?.gaps.length ?? null,
    stale_repositories_count: snapshot === undefined ? null : countStale(snapshot),
    _links: { self: { href: links.collection() }, gaps: { href: links.gaps() } },
  };
}

function representRunning(
  { startedAt, requestsCount, progress }: NonNullable<CrawlStatus['running']>,
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
  };
}

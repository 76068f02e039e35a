import type { Gap, Snapshot } from '../domain/snapshot.ts';
import type { CollectionState } from '../ports.ts';
import type { Links } from './links.ts';
import type { Wants } from './query.ts';
import { representTime } from './represent-figures.ts';
import type { Representation } from './representations.ts';

/** What the last collection could not read, and why. */
export function representGaps({ finishedAt, gaps }: Snapshot, wants: Wants, links: Links): Representation {
  return {
    timestamp: finishedAt / 1000,
    gaps_count: gaps.length,
    gaps: gaps.map(representGap),
    ...(wants.links && { _links: { self: { href: links.gaps() }, up: { href: links.repositories() } } }),
  };
}

function representGap({ repository, reference, code, reason }: Gap): Representation {
  return { repository, reference: reference ?? null, code, reason };
}

/** What is being collected, how it went last, and when the next collection starts. */
export function representCollection(
  { running, failure, nextAt }: CollectionState,
  snapshot: Snapshot | undefined,
  now: number,
  links: Links,
): Representation {
  return {
    state: running !== undefined ? 'running' : nextAt !== undefined ? 'waiting' : 'starting',
    running: running === undefined ? null : representRunning(running, now),
    last_failure: failure === undefined ? null : { at: representTime(failure.at), reason: failure.reason },
    last_finished_at: snapshot === undefined ? null : representTime(snapshot.finishedAt),
    next_at: nextAt === undefined ? null : representTime(nextAt),
    snapshot: snapshot?.id ?? null,
    _links: { self: { href: links.collection() }, gaps: { href: links.gaps() } },
  };
}

function representRunning(
  { startedAt, requestsCount, progress }: NonNullable<CollectionState['running']>,
  now: number,
): Representation {
  const seconds = Math.max(0, now - startedAt) / 1000;
  return {
    started_at: representTime(startedAt),
    seconds,
    requests_count: requestsCount,
    requests_per_second: seconds > 0 ? Math.round((requestsCount / seconds) * 10) / 10 : null,
    repositories_found: progress.repositoriesFound,
    repositories_read: progress.repositoriesRead,
    tags_found: progress.tagsFound,
    tags_read: progress.tagsRead,
  };
}

import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { Clock, Snapshots } from '../../ports.ts';

export interface PinnedSnapshotsOptions extends Snapshots {
  readonly steadyClock: Clock;
  readonly holdMs?: number;
}

/** The latest snapshot, and for some time earlier ones whose pages a client is reading. */
export interface PinnedSnapshots extends Snapshots {
  /** Returns the snapshot with that id; undefined if it is gone. */
  find(id: string): Snapshot | undefined;
  /** Keeps a snapshot of which a page was served, since the client may ask for the next page. */
  pin(snapshot: Snapshot): void;
}

/** The time starts with the last page that was served while the snapshot was the latest, so no client can pin one for longer. */
const HOLD_MS = 15 * 60_000;
const MAX_FORMER = 2;
/** For all former snapshots together, except the one that was requested last. A snapshot of 100,000 tags takes some hundred megabytes. */
const MAX_FURTHER_TAGS = 50_000;

export function createPinnedSnapshots({
  latest,
  steadyClock,
  holdMs = HOLD_MS,
}: PinnedSnapshotsOptions): PinnedSnapshots {
  /** The one that was requested longest ago comes first. */
  const pinned = new Map<string, { readonly snapshot: Snapshot; readonly until: number }>();
  let isTimed = false;

  function release(): void {
    const now = steadyClock();
    const isLatest = (snapshot: Snapshot): boolean => snapshot === latest();
    for (const [id, { until }] of pinned) if (until <= now) pinned.delete(id);
    const former = [...pinned.values()].map(({ snapshot }) => snapshot).filter((snapshot) => !isLatest(snapshot));
    for (const { id } of exceeding(former)) pinned.delete(id);
    if (pinned.size === 0 || isTimed) return;
    isTimed = true;
    const first = Math.min(...[...pinned.values()].map(({ until }) => until));
    setTimeout(releaseLater, first - now).unref();
  }

  /** Without this timer, a service without requests would keep its last pinned snapshots. */
  function releaseLater(): void {
    isTimed = false;
    release();
  }

  return {
    latest,
    find(id) {
      release();
      const current = latest();
      if (current?.id === id) return current;
      const found = pinned.get(id);
      if (found === undefined) return undefined;
      pinned.delete(id);
      pinned.set(id, found);
      return found.snapshot;
    },
    pin(snapshot) {
      if (snapshot !== latest()) return;
      pinned.delete(snapshot.id);
      pinned.set(snapshot.id, { snapshot, until: steadyClock() + holdMs });
      release();
    },
  };
}

/** Returns the former snapshots that exceed the limits. The one that was requested last comes last. */
function exceeding(former: readonly Snapshot[]): readonly Snapshot[] {
  let further = 0;
  return former.toReversed().filter(({ figures }, place) => {
    further += place === 0 ? 0 : figures.tagsCount;
    return place >= MAX_FORMER || further > MAX_FURTHER_TAGS;
  });
}

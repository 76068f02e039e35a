import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { Clock, Snapshots } from '../../ports.ts';

export interface PinnedSnapshotsOptions extends Snapshots {
  readonly steadyClock: Clock;
  readonly holdMs?: number;
}

/** The latest snapshot, and for a while those before it that somebody is in the middle of. */
export interface PinnedSnapshots extends Snapshots {
  /** The snapshot of that id; undefined where it is gone. */
  find(id: string): Snapshot | undefined;
  /** Somebody was shown a page of it, and may ask for the next one. */
  hold(snapshot: Snapshot): void;
}

/** Counted from when a page was last shown of it while it was the latest: no client can hold one for longer. */
const HOLD_MS = 15 * 60_000;
const MOST_FORMER = 2;
/** Of all former ones but the one that was asked for last: a snapshot of 100,000 tags takes some hundred megabytes. */
const MOST_FURTHER_TAGS = 50_000;

export function createPinnedSnapshots({
  latest,
  steadyClock,
  holdMs = HOLD_MS,
}: PinnedSnapshotsOptions): PinnedSnapshots {
  /** The one that was asked for longest ago first. */
  const held = new Map<string, { readonly snapshot: Snapshot; readonly until: number }>();
  let isTimed = false;

  function letGo(): void {
    const now = steadyClock();
    const isLatest = (snapshot: Snapshot): boolean => snapshot === latest();
    for (const [id, { until }] of held) if (until <= now) held.delete(id);
    const former = [...held.values()].map(({ snapshot }) => snapshot).filter((snapshot) => !isLatest(snapshot));
    for (const { id } of tooMany(former)) held.delete(id);
    if (held.size === 0 || isTimed) return;
    isTimed = true;
    const first = Math.min(...[...held.values()].map(({ until }) => until));
    setTimeout(letGoInTime, first - now).unref();
  }

  /** Also where nobody asks for anything any more. */
  function letGoInTime(): void {
    isTimed = false;
    letGo();
  }

  return {
    latest,
    find(id) {
      letGo();
      const current = latest();
      if (current?.id === id) return current;
      const found = held.get(id);
      if (found === undefined) return undefined;
      held.delete(id);
      held.set(id, found);
      return found.snapshot;
    },
    hold(snapshot) {
      if (snapshot !== latest()) return;
      held.delete(snapshot.id);
      held.set(snapshot.id, { snapshot, until: steadyClock() + holdMs });
      letGo();
    },
  };
}

/** Which of these there is no room for; the one that was asked for last comes last. */
function tooMany(former: readonly Snapshot[]): readonly Snapshot[] {
  let further = 0;
  return former.toReversed().filter(({ figures }, place) => {
    further += place === 0 ? 0 : figures.tagsCount;
    return place >= MOST_FORMER || further > MOST_FURTHER_TAGS;
  });
}

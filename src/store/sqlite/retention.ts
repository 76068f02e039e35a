import type { SnapshotOccasion } from '../../ports.ts';
import type { Database } from './database.ts';

/** How long snapshots are kept, from the end of the collection. */
export interface Retention {
  /** Every one that a collection took, and of those of notifications the last one of every hour (UTC). */
  readonly allMs: number;
  /** The last one of every day (UTC), whatever took it. */
  readonly dailyMs: number;
}

/** A snapshot, as far as it counts for what is kept. Times are milliseconds since the epoch. */
export interface Kept {
  readonly finishedAt: number;
  readonly occasion: SnapshotOccasion;
}

/** Decides what is worth keeping. What is not has the state `leaving`. However many there are, it looks at those few that change. */
export interface Keeping {
  /** Marks what has outlived its time. The last one never has. */
  leaveOutlived(now: number): void;
  /** For the column `counted_at` of a snapshot that is to be the next one. */
  countedAt(finishedAt: number): number;
  /** Keeps a snapshot as the last one: so far others were the last of its hour and of its day. */
  keep(number: number, snapshot: Kept): void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Between two snapshots in a row no more than a day counts, and never less than nothing: one step of the clock, years ahead or back, is worth a day
 * of age at most. The price: time in which nothing was collected does not count beyond that either, and what was before stays longer.
 */
export function createKeeping(database: Database, { allMs, dailyMs }: Retention): Keeping {
  const tables = prepareTables(database);
  const countedAt = (at: number): number => {
    const last = tables.selectLast.get();
    if (last === undefined) return at;
    return last.counted_at + Math.min(Math.max(at - last.finished_at, 0), DAY_MS);
  };
  return {
    countedAt,
    leaveOutlived(now) {
      const [counted, last] = [countedAt(now), tables.selectLast.get()?.number ?? 0];
      database.transaction(() => {
        tables.leave.run('all', counted - allMs, last);
        tables.leave.run('daily', counted - Math.max(allMs, dailyMs), last);
      });
    },
    keep(number, { finishedAt, occasion }) {
      database.transaction(() => {
        if (occasion === 'notification') tables.leaveOfHour.run(...spanAround(finishedAt, HOUR_MS));
        tables.endDay.run(...spanAround(finishedAt, DAY_MS));
        tables.keep.run(number);
      });
    },
  };
}

/** The hour or day (UTC) that a time is in: from then on, and before then. */
function spanAround(at: number, ms: number): readonly [number, number] {
  const start = Math.floor(at / ms) * ms;
  return [start, start + ms];
}

/** A plus before a column keeps SQLite from an index that finds nearly all of them (sqlite.org/optoverview.html, section 2.2). */
function prepareTables(database: Database) {
  const ofSpan = `finished_at >= ? AND finished_at < ? AND +state = 'kept'`;
  return {
    selectLast: database.statement<{ number: number; finished_at: number; counted_at: number }>(
      `SELECT number, finished_at, counted_at FROM snapshot WHERE +state = 'kept' ORDER BY number DESC LIMIT 1`,
    ),
    leave: database.statement(
      `UPDATE snapshot SET state = 'leaving' WHERE state = 'kept' AND kept_for = ? AND counted_at < ? AND number <> ?`,
    ),
    leaveOfHour: database.statement(
      `UPDATE snapshot SET state = 'leaving' WHERE ${ofSpan} AND occasion = 'notification'`,
    ),
    endDay: database.statement(`UPDATE snapshot SET kept_for = 'all' WHERE ${ofSpan} AND +kept_for = 'daily'`),
    keep: database.statement(`UPDATE snapshot SET state = 'kept' WHERE number = ?`),
  };
}

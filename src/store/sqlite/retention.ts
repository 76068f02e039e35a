import type { SnapshotOccasion } from '../../ports.ts';
import type { Retention } from '../store.ts';
import type { Database } from './database.ts';

/** Decides which snapshots are kept. The others get the state `leaving`. Each call reads only the few snapshots that change. */
export interface RetainedSnapshots {
  /** Marks the snapshots that have outlived their time. Never the last one. */
  markOutlived(now: number): void;
  /** Returns the value of the column `counted_at` for the next snapshot: its age is measured from there. */
  countedAt(finishedAt: number): number;
  /** Keeps a snapshot as the last one of its hour and of its day, in place of those before it. */
  keep(number: number, snapshot: { readonly finishedAt: number; readonly occasion: SnapshotOccasion }): void;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * The age of a snapshot is not the difference of two clock readings, because the clock may be set years ahead or back. It is a sum over the
 * snapshots since then, of which each pair adds the time between them, but never more than a day and never less than nothing. So one step of the
 * clock costs at most a day. The price: after a pause of more than a day without snapshots, older ones are kept longer.
 */
export function createRetention(database: Database, { allMs, dailyMs }: Retention): RetainedSnapshots {
  const tables = prepareTables(database);
  const countedAt = (at: number): number => {
    const last = tables.selectLast.get();
    if (last === undefined) return at;
    return last.counted_at + Math.min(Math.max(at - last.finished_at, 0), DAY_MS);
  };
  return {
    countedAt,
    markOutlived(now) {
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

/** Returns the start and the end of the hour or day (UTC) that contains the time. */
function spanAround(at: number, ms: number): readonly [number, number] {
  const start = Math.floor(at / ms) * ms;
  return [start, start + ms];
}

/** A plus before a column keeps SQLite from using an index that would find nearly every row (sqlite.org/optoverview.html, section 2.2). */
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

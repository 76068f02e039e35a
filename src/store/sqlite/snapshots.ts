import type { CrawlResult } from '../../domain/snapshot/crawl-result.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import type { AssumedCollector } from '../../domain/usage/garbage-collector.ts';
import { createSerialQueue } from '../../lib/serial-queue.ts';
import type { History, KeptSnapshot, SnapshotOccasion, SnapshotStore } from '../../ports.ts';
import type { StoreOptions } from '../store.ts';
import { createCrawlResultTable } from './crawl-results.ts';
import type { Database } from './database.ts';
import { createHistoryTables, type HistoryTables } from './history.ts';
import type { QueuedManifestCache } from './manifest-cache.ts';
import { createPrune } from './prune.ts';
import { createRetention } from './retention.ts';

/** How many gaps are stored with a snapshot of a crawl. With a snapshot after a notification, none are: they are mostly the same again. */
const MAX_GAPS = 100;

/** The name of each occasion in the database. */
const OCCASION_COLUMN = { crawl: 'collection', notification: 'notification' } as const;

/**
 * A snapshot is written in steps. Until the last one it has the state `coming`; if the service stops before that, the next save deletes it. A
 * snapshot that has outlived its time has the state `leaving` until its figures have been moved to the next one. In both states all other snapshots
 * stay readable, unchanged.
 */
export function createSnapshotStore(
  database: Database,
  cache: Pick<QueuedManifestCache, 'flushWith'>,
  { retention, clock }: Pick<StoreOptions, 'retention' | 'clock'>,
): SnapshotStore & History {
  const tables = prepareTables(database);
  const crawlResults = createCrawlResultTable(database);
  const history = createHistoryTables(database);
  const retained = createRetention(database, retention);
  const prune = createPrune(database, clock);
  const inOrder = createSerialQueue();

  async function save(snapshot: Snapshot, crawlResult: CrawlResult, occasion: SnapshotOccasion): Promise<void> {
    cache.flushWith(() => undefined);
    // Delete first: on a full disk the new snapshot may need the space.
    await removeUnfinished(database, tables, history);
    retained.markOutlived(clock());
    await removeLeaving(tables, history);
    const before = tables.selectLast.get()?.number ?? 0;
    const number = insert(snapshot, occasion);
    await crawlResults.write(number, crawlResult);
    await history.write(number, snapshot, before);
    await prune(snapshot);
    database.transaction(() => {
      crawlResults.keepOnly(number);
      retained.keep(number, { finishedAt: snapshot.finishedAt, occasion });
    });
  }

  function insert(snapshot: Snapshot, occasion: SnapshotOccasion): number {
    const { id, startedAt, finishedAt, repositories, figures, kinds, gaps, garbageCollector } = snapshot;
    const storedGaps = JSON.stringify(occasion === 'crawl' ? gaps.slice(0, MAX_GAPS) : []);
    const times = [startedAt, finishedAt, retained.countedAt(finishedAt)];
    const counts = [repositories.length, figures.tagsCount];
    const texts = [JSON.stringify(kinds), JSON.stringify(garbageCollector)];
    const row = [OCCASION_COLUMN[occasion], id, ...times, ...counts, ...texts, gaps.length, storedGaps];
    return tables.insert.get(...row)?.number ?? 0;
  }

  return {
    latest: () =>
      inOrder(async () => {
        const number = tables.selectLast.get()?.number;
        return number === undefined ? undefined : crawlResults.read(number);
      }),
    garbageCollector: () => inOrder(async () => toCollector(tables.selectLast.get()?.collector ?? null) ?? undefined),
    save: (snapshot, crawlResult, occasion) => inOrder(() => save(snapshot, crawlResult, occasion)),
    snapshots: () => inOrder(async () => tables.selectKept.all().map(toKeptSnapshot)),
    points: (node) =>
      inOrder(async () => {
        const rows = history.rows(node);
        return tables.selectKept.all().map(({ number, id, finished_at }) => {
          const figures = rows.findLast(([since]) => since <= number)?.[1];
          return { id, finishedAt: finished_at, figures };
        });
      }),
  };
}

interface SnapshotRow {
  readonly number: number;
  readonly id: string;
  readonly occasion: 'collection' | 'notification';
  readonly started_at: number;
  readonly finished_at: number;
  readonly repositories_count: number;
  readonly tags_count: number;
  readonly gaps_count: number;
  readonly collector: string | null;
}

function toKeptSnapshot(row: SnapshotRow): KeptSnapshot {
  return {
    id: row.id,
    occasion: row.occasion === OCCASION_COLUMN.crawl ? 'crawl' : 'notification',
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    repositoriesCount: row.repositories_count,
    tagsCount: row.tags_count,
    gapsCount: row.gaps_count,
    garbageCollector: toCollector(row.collector),
  };
}

function toCollector(column: string | null): AssumedCollector | null {
  return column === null ? null : (JSON.parse(column) as AssumedCollector);
}

async function removeUnfinished(database: Database, tables: Tables, history: HistoryTables): Promise<void> {
  for (const { number } of tables.selectInState.all('coming')) {
    await history.remove(number, undefined);
    database.transaction(() => {
      tables.deleteCrawlResult.run(number);
      tables.delete.run(number);
    });
  }
}

async function removeLeaving(tables: Tables, history: HistoryTables): Promise<void> {
  // The newest first: figures of an older snapshot do not move to the next one if a newer snapshot has figures of the same node.
  for (const { number } of tables.selectInState.all('leaving')) {
    await history.remove(number, tables.selectNext.get(number)?.number);
    tables.delete.run(number);
  }
}

type Tables = ReturnType<typeof prepareTables>;

function prepareTables(database: Database) {
  return {
    selectKept: database.statement<SnapshotRow>(
      `SELECT number, id, occasion, started_at, finished_at, repositories_count, tags_count, gaps_count, collector
       FROM snapshot WHERE +state = 'kept' ORDER BY number`,
    ),
    selectLast: database.statement<{ number: number; collector: string | null }>(
      `SELECT number, collector FROM snapshot WHERE +state = 'kept' ORDER BY number DESC LIMIT 1`,
    ),
    selectNext: database.statement<{ number: number }>(
      `SELECT number FROM snapshot WHERE number > ? AND +state = 'kept' ORDER BY number LIMIT 1`,
    ),
    selectInState: database.statement<{ number: number }>(
      'SELECT number FROM snapshot WHERE state = ? ORDER BY number DESC',
    ),
    insert: database.statement<{ number: number }>(
      `INSERT INTO snapshot
         (state, kept_for, occasion, id, started_at, finished_at, counted_at, repositories_count, tags_count, kinds, collector, gaps_count, gaps)
       VALUES ('coming', 'daily', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`,
    ),
    delete: database.statement('DELETE FROM snapshot WHERE number = ?'),
    deleteCrawlResult: database.statement('DELETE FROM findings WHERE snapshot = ?'),
  };
}

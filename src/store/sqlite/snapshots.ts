import type { CrawlResult } from '../../domain/snapshot/crawl-result.ts';
import type { Figures, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { createSerialQueue } from '../../lib/serial-queue.ts';
import type { Clock, SnapshotOccasion, SnapshotStore } from '../../ports.ts';
import type { NodeName } from '../history-nodes.ts';
import { createCrawlResultTable } from './crawl-results.ts';
import type { Database } from './database.ts';
import { createHistory, type History } from './history.ts';
import type { Content } from './manifest-cache.ts';
import { createPrune } from './prune.ts';
import { createKeeping, type Retention } from './retention.ts';

export interface SnapshotTable extends SnapshotStore {
  /** What a node was at every snapshot that is kept, in the order that they were saved in. */
  history(name: NodeName): Promise<readonly HistoryEntry[]>;
}

export interface HistoryEntry {
  readonly number: number;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
  /** Undefined where the node was not there. */
  readonly figures: Figures | undefined;
}

export interface SnapshotOptions {
  readonly retention: Retention;
  readonly clock: Clock;
}

/** Of what a collection could not read, so many gaps are kept: more, nobody reads long afterwards. Those of a notification are mostly the same again. */
const MOST_GAPS = 100;

/**
 * A snapshot is written bit by bit, and is there when its last bit is: what was begun and not ended has the state `coming`, and the next one takes
 * it away. One that is not worth keeping is `leaving` until its figures are handed on. Either way every other one reads the same meanwhile.
 */
export function createSnapshotTable(
  database: Database,
  content: Pick<Content, 'flushWith'>,
  { retention, clock }: SnapshotOptions,
): SnapshotTable {
  const tables = prepareTables(database);
  const findingsTable = createCrawlResultTable(database);
  const history = createHistory(database);
  const keeping = createKeeping(database, retention);
  const sweep = createPrune(database, clock);
  const inOrder = createSerialQueue();

  async function save(snapshot: Snapshot, findings: CrawlResult, occasion: SnapshotOccasion): Promise<void> {
    content.flushWith(() => undefined);
    // Before the new one is written, since it may need the room.
    await removeUnfinished(database, tables, history);
    keeping.leaveOutlived(clock());
    await removeLeaving(tables, history);
    const before = tables.selectLast.get()?.number ?? 0;
    const number = insert(snapshot, occasion);
    await findingsTable.write(number, findings);
    await history.write(number, snapshot, before);
    await sweep(snapshot);
    database.transaction(() => {
      findingsTable.keepOnly(number);
      keeping.keep(number, { finishedAt: snapshot.finishedAt, occasion });
    });
  }

  function insert(snapshot: Snapshot, occasion: SnapshotOccasion): number {
    const { id, startedAt, finishedAt, repositories, figures, kinds, gaps } = snapshot;
    const some = JSON.stringify(occasion === 'collection' ? gaps.slice(0, MOST_GAPS) : []);
    const times = [startedAt, finishedAt, keeping.countedAt(finishedAt)];
    const counts = [repositories.length, figures.tagsCount];
    const row = [occasion, id, ...times, ...counts, JSON.stringify(kinds), gaps.length, some];
    return tables.insert.get(...row)?.number ?? 0;
  }

  return {
    latest: () =>
      inOrder(async () => {
        const number = tables.selectLast.get()?.number;
        return number === undefined ? undefined : findingsTable.read(number);
      }),
    save: (snapshot, findings, occasion) => inOrder(() => save(snapshot, findings, occasion)),
    history: (name) =>
      inOrder(async () => {
        const rows = history.rows(name);
        return tables.selectKept.all().map(({ id, number, finishedAt }) => {
          const figures = rows.findLast(([since]) => since <= number)?.[1];
          return { id, number, finishedAt, figures };
        });
      }),
  };
}

async function removeUnfinished(database: Database, tables: Tables, history: History): Promise<void> {
  for (const { number } of tables.selectInState.all('coming')) {
    await history.remove(number, undefined);
    database.transaction(() => {
      tables.deleteFindings.run(number);
      tables.delete.run(number);
    });
  }
}

async function removeLeaving(tables: Tables, history: History): Promise<void> {
  // The newest first: an older one's figures do not count at the next one where a newer one has others.
  for (const { number } of tables.selectInState.all('leaving')) {
    await history.remove(number, tables.selectNext.get(number)?.number);
    tables.delete.run(number);
  }
}

type Tables = ReturnType<typeof prepareTables>;

function prepareTables(database: Database) {
  return {
    selectKept: database.statement<Omit<HistoryEntry, 'figures'>>(
      `SELECT number, id, finished_at AS finishedAt FROM snapshot WHERE +state = 'kept' ORDER BY number`,
    ),
    selectLast: database.statement<{ number: number }>(
      `SELECT number FROM snapshot WHERE +state = 'kept' ORDER BY number DESC LIMIT 1`,
    ),
    selectNext: database.statement<{ number: number }>(
      `SELECT number FROM snapshot WHERE number > ? AND +state = 'kept' ORDER BY number LIMIT 1`,
    ),
    selectInState: database.statement<{ number: number }>(
      'SELECT number FROM snapshot WHERE state = ? ORDER BY number DESC',
    ),
    insert: database.statement<{ number: number }>(
      `INSERT INTO snapshot
         (state, kept_for, occasion, id, started_at, finished_at, counted_at, repositories_count, tags_count, kinds, gaps_count, gaps)
       VALUES ('coming', 'daily', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`,
    ),
    delete: database.statement('DELETE FROM snapshot WHERE number = ?'),
    deleteFindings: database.statement('DELETE FROM findings WHERE snapshot = ?'),
  };
}

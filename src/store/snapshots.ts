import type { Findings } from '../domain/findings.ts';
import type { Figures, Snapshot } from '../domain/snapshot.ts';
import type { Clock, SnapshotStore } from '../ports.ts';
import type { Content } from './content.ts';
import type { Database } from './database.ts';
import { createFindingsTable } from './findings.ts';
import { createHistory, type History } from './history.ts';
import type { NodeName } from './nodes.ts';
import { type KeptSnapshot, outlived, type Retention } from './retention.ts';
import { createSweep } from './sweep.ts';
import { createOrder } from './turns.ts';

export interface SnapshotTable extends SnapshotStore {
  /** What a node was at every snapshot that is kept, in the order that they were saved in. */
  history(name: NodeName): Promise<readonly HistoryEntry[]>;
}

export interface HistoryEntry extends KeptSnapshot {
  readonly id: string;
  /** Undefined where the node was not there. */
  readonly figures: Figures | undefined;
}

export interface SnapshotOptions {
  readonly retention: Retention;
  readonly clock: Clock;
}

/** Of what a snapshot could not read, so many gaps are kept: more, nobody reads long afterwards. */
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
  const findingsTable = createFindingsTable(database);
  const history = createHistory(database);
  const sweep = createSweep(database, clock);
  const inOrder = createOrder();

  async function save(snapshot: Snapshot, findings: Findings): Promise<void> {
    content.flushWith(() => undefined);
    // Before the new one is written, since it may need the room.
    await removeUnfinished(database, tables, history);
    await removeOutlived(database, tables, history, retention, clock());
    const before = tables.selectKept.all().at(-1)?.number ?? 0;
    const number = insert(snapshot);
    await findingsTable.write(number, findings);
    await history.write(number, snapshot, before);
    await sweep(snapshot);
    database.transaction(() => {
      findingsTable.keepOnly(number);
      tables.setState.run('kept', number);
    });
  }

  function insert({ id, startedAt, finishedAt, repositories, figures, kinds, gaps }: Snapshot): number {
    const some = JSON.stringify(gaps.slice(0, MOST_GAPS));
    const counts = [repositories.length, figures.tagsCount];
    const row = [id, startedAt, finishedAt, ...counts, JSON.stringify(kinds), gaps.length, some];
    return tables.insert.get(...row)?.number ?? 0;
  }

  return {
    latest: () =>
      inOrder(async () => {
        const number = tables.selectKept.all().at(-1)?.number;
        return number === undefined ? undefined : findingsTable.read(number);
      }),
    save: (snapshot, findings) => inOrder(() => save(snapshot, findings)),
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

async function removeOutlived(
  database: Database,
  tables: Tables,
  history: History,
  retention: Retention,
  now: number,
): Promise<void> {
  database.transaction(() => {
    for (const number of outlived(tables.selectKept.all(), retention, now)) tables.setState.run('leaving', number);
  });
  const staying = tables.selectKept.all();
  // The newest first: an older one's figures do not count at the next one where a newer one has others.
  for (const { number } of tables.selectInState.all('leaving')) {
    await history.remove(number, staying.find((next) => next.number > number)?.number);
    tables.delete.run(number);
  }
}

type Tables = ReturnType<typeof prepareTables>;

function prepareTables(database: Database) {
  return {
    selectKept: database.statement<KeptSnapshot & { readonly id: string }>(
      `SELECT number, id, finished_at AS finishedAt FROM snapshot WHERE state = 'kept' ORDER BY number`,
    ),
    selectInState: database.statement<{ number: number }>(
      'SELECT number FROM snapshot WHERE state = ? ORDER BY number DESC',
    ),
    insert: database.statement<{ number: number }>(
      `INSERT INTO snapshot
         (state, id, started_at, finished_at, repositories_count, tags_count, kinds, gaps_count, gaps)
       VALUES ('coming', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`,
    ),
    setState: database.statement('UPDATE snapshot SET state = ? WHERE number = ?'),
    delete: database.statement('DELETE FROM snapshot WHERE number = ?'),
    deleteFindings: database.statement('DELETE FROM findings WHERE snapshot = ?'),
  };
}

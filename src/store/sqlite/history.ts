import type { Figures, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { compareNodes, type NodeFigures, type NodeName, nodesOf } from '../../domain/snapshot/snapshot-nodes.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Database, Value } from './database.ts';

/** The tables with the figures of every node, which have a row only where the figures changed (see migrations.ts). */
export interface HistoryTables {
  /**
   * Writes the figures that differ from the snapshot before, in steps. No reader sees them before the snapshot is kept.
   *
   * @param snapshot the number of the new snapshot
   * @param before the number of the last kept snapshot; 0 if there is none
   */
  write(snapshot: number, contents: Snapshot, before: number): Promise<void>;
  /** Deletes a snapshot's rows. Moves those that are still needed to the next kept snapshot, if there is one. */
  remove(snapshot: number, next: number | undefined): Promise<void>;
  /** Returns the rows of a node with the numbers of their snapshots, in order. Undefined figures mean that the node was gone. */
  rows(name: NodeName): readonly (readonly [number, Figures | undefined])[];
}

const STEPS_PER_BATCH = 100;

export function createHistoryTables(database: Database): HistoryTables {
  const tables = prepareTables(database);
  return {
    async write(snapshot, contents, before) {
      for (const batch of batches(differences(nodesOf(contents), knownNodes(tables, before)))) {
        database.transaction(() => {
          for (const change of batch) if (change !== undefined) writeChange(tables, snapshot, change);
        });
        await yieldToEventLoop();
      }
    },
    async remove(snapshot, next) {
      for (let nodes = tables.selectNodes.all(snapshot); nodes.length > 0; nodes = tables.selectNodes.all(snapshot)) {
        database.transaction(() => {
          for (const { node } of nodes) removeRow(tables, node, snapshot, next);
        });
        await yieldToEventLoop();
      }
    },
    rows({ kind, path, tag }) {
      return tables.selectRows.all(kind, path, tag).map((row) => [row.snapshot, toFigures(row)]);
    },
  };
}

interface KnownNode {
  readonly number: number;
  readonly name: NodeName;
  /** In the snapshot before; undefined if it did not contain the node. */
  readonly figures: Figures | undefined;
}

type Change =
  | { readonly node: NodeName; readonly figures: Figures }
  | { readonly node: number; readonly figures: Figures | undefined };

/** Merges two sorted lists of nodes. Yields once per step: the change to write, or undefined if the node has not changed. */
function* differences(nodes: Iterator<NodeFigures>, known: Iterator<KnownNode>): Generator<Change | undefined> {
  const advance = <T>(iterator: Iterator<T>): T | undefined => {
    const next = iterator.next();
    return next.done ? undefined : next.value;
  };
  let [now, before] = [advance(nodes), advance(known)];
  while (now !== undefined || before !== undefined) {
    const order = now === undefined ? 1 : before === undefined ? -1 : compareNodes(now.name, before.name);
    if (now !== undefined && order < 0) yield { node: now.name, figures: now.figures };
    else if (before !== undefined) {
      const figures = order === 0 ? now?.figures : undefined;
      yield isSame(figures, before.figures) ? undefined : { node: before.number, figures };
    }
    if (order <= 0) now = advance(nodes);
    if (order >= 0) before = advance(known);
  }
}

function isSame(a: Figures | undefined, b: Figures | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const values = toValues(b);
  return toValues(a).every((value, i) => value === values[i]);
}

/** Reads the known nodes in batches. Nodes that are inserted meanwhile sort before the current position, so they are not read. */
function* knownNodes({ selectKnown }: Tables, before: number): Generator<KnownNode> {
  let last: NodeName = { kind: 'namespace', path: '', tag: '' };
  for (;;) {
    const rows = selectKnown.all(before, last.kind, last.path, last.tag);
    for (const row of rows) {
      last = { kind: row.kind, path: row.path, tag: row.tag };
      yield { number: row.number, name: last, figures: toFigures(row) };
    }
    if (rows.length === 0) return;
  }
}

function writeChange(tables: Tables, snapshot: number, { node, figures }: Change): void {
  const number = typeof node === 'number' ? node : tables.insertNode.get(node.kind, node.path, node.tag)?.number;
  tables.insertFigures.run(number ?? 0, snapshot, figures === undefined ? 0 : 1, ...toValues(figures));
}

function removeRow(tables: Tables, node: number, snapshot: number, next: number | undefined): void {
  if (next !== undefined) tables.moveFigures.run(next, node, snapshot);
  tables.deleteFigures.run(node, snapshot);
  // The moved row may no longer be a change: figures equal to those before, or the end of a node that has no earlier row.
  if (next !== undefined) tables.deleteUnchanged.run(node, next);
  tables.deleteNode.run(node);
}

function toValues(figures: Figures | undefined): readonly Value[] {
  if (figures === undefined) return [null, null, null, null, null, null, 0, 0];
  const { sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes, databaseBytes } = figures;
  const bytes = [sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes, databaseBytes];
  return [...bytes, figures.tagsCount, figures.isComplete ? 1 : 0];
}

interface FiguresRow {
  readonly snapshot: number;
  readonly is_there: number;
  readonly size_bytes: number | null;
  readonly disk_size_bytes: number | null;
  readonly deduplicated_bytes: number | null;
  readonly reclaimable_bytes: number | null;
  readonly metadata_bytes: number | null;
  readonly database_bytes: number | null;
  readonly tags_count: number;
  readonly is_complete: number;
}

function toFigures(row: FiguresRow): Figures | undefined {
  if (row.is_there !== 1) return undefined;
  return {
    sizeBytes: row.size_bytes,
    diskSizeBytes: row.disk_size_bytes,
    deduplicatedBytes: row.deduplicated_bytes,
    reclaimableBytes: row.reclaimable_bytes,
    metadataBytes: row.metadata_bytes,
    databaseBytes: row.database_bytes,
    tagsCount: row.tags_count,
    isComplete: row.is_complete === 1,
  };
}

function* batches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < STEPS_PER_BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

type Tables = ReturnType<typeof prepareTables>;
type KnownRow = FiguresRow & NodeName & { readonly number: number };

const COLUMNS =
  'is_there, size_bytes, disk_size_bytes, deduplicated_bytes, reclaimable_bytes, metadata_bytes, database_bytes, tags_count, is_complete';

function prepareTables(database: Database) {
  const isUnchanged = COLUMNS.split(', ').map((column) => `earlier.${column} IS figures.${column}`);
  return {
    selectKnown: database.statement<KnownRow>(
      `SELECT number, kind, path, tag, snapshot, ${COLUMNS}
       FROM node LEFT JOIN figures ON node = number
         AND snapshot = (SELECT max(snapshot) FROM figures WHERE node = number AND snapshot <= ?)
       WHERE (kind, path, tag) > (?, ?, ?) ORDER BY kind, path, tag LIMIT ${STEPS_PER_BATCH}`,
    ),
    selectRows: database.statement<FiguresRow>(
      `SELECT snapshot, ${COLUMNS} FROM node JOIN figures ON node = number
       WHERE kind = ? AND path = ? AND tag = ? ORDER BY snapshot`,
    ),
    selectNodes: database.statement<{ node: number }>(
      `SELECT node FROM figures WHERE snapshot = ? ORDER BY node LIMIT ${STEPS_PER_BATCH}`,
    ),
    insertNode: database.statement<{ number: number }>(
      'INSERT INTO node (kind, path, tag) VALUES (?, ?, ?) RETURNING number',
    ),
    insertFigures: database.statement(
      `INSERT INTO figures (node, snapshot, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    moveFigures: database.statement('UPDATE OR IGNORE figures SET snapshot = ? WHERE node = ? AND snapshot = ?'),
    deleteFigures: database.statement('DELETE FROM figures WHERE node = ? AND snapshot = ?'),
    deleteUnchanged: database.statement(
      `DELETE FROM figures WHERE node = ? AND snapshot = ? AND coalesce(
         (SELECT ${isUnchanged.join(' AND ')} FROM figures AS earlier
          WHERE earlier.node = figures.node AND earlier.snapshot < figures.snapshot ORDER BY earlier.snapshot DESC LIMIT 1),
         is_there = 0)`,
    ),
    deleteNode: database.statement(
      'DELETE FROM node WHERE number = ? AND NOT EXISTS (SELECT 1 FROM figures WHERE node = number)',
    ),
  };
}

import type { Figures, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { createYielder } from '../../lib/yielding.ts';
import { compareNodes, type NodeFigures, type NodeName, nodesOf } from '../history-nodes.ts';
import type { Database, Value } from './database.ts';

/** The figures of every node, where they changed (see migrations.ts). */
export interface History {
  /** Writes what is different from the snapshot before, bit by bit. Nobody sees it before the snapshot is kept. */
  write(snapshot: number, contents: Snapshot, before: number): Promise<void>;
  /** Takes a snapshot's rows out: those that still count are handed on to the next one that is kept, if there is any. */
  remove(snapshot: number, next: number | undefined): Promise<void>;
  /** The rows of a node by the number of their snapshot; undefined stands for: not there any more. */
  rows(name: NodeName): readonly (readonly [number, Figures | undefined])[];
}

const STEPS_AT_ONCE = 100;

export function createHistory(database: Database): History {
  const tables = prepareTables(database);
  return {
    async write(snapshot, contents, before) {
      const yieldNow = createYielder(1);
      for (const batch of batches(differences(nodesOf(contents), knownNodes(tables, before)))) {
        database.transaction(() => {
          for (const change of batch) if (change !== undefined) writeChange(tables, snapshot, change);
        });
        await yieldNow();
      }
    },
    async remove(snapshot, next) {
      const yieldNow = createYielder(1);
      for (let nodes = tables.selectNodes.all(snapshot); nodes.length > 0; nodes = tables.selectNodes.all(snapshot)) {
        database.transaction(() => {
          for (const { node } of nodes) removeRow(tables, node, snapshot, next);
        });
        await yieldNow();
      }
    },
    rows({ kind, path, tag }) {
      return tables.selectRows.all(kind, path, tag).map((row) => [row.snapshot, toFigures(row)]);
    },
  };
}

interface Known {
  readonly number: number;
  readonly name: NodeName;
  /** As they were in the snapshot before; undefined where the node was not there. */
  readonly figures: Figures | undefined;
}

type Change =
  | { readonly node: NodeName; readonly figures: Figures }
  | { readonly node: number; readonly figures: Figures | undefined };

/** Walks both in their common order, and gives something for every step: what to write, or undefined where nothing changed. */
function* differences(found: Iterator<NodeFigures>, known: Iterator<Known>): Generator<Change | undefined> {
  const advance = <T>(iterator: Iterator<T>): T | undefined => {
    const next = iterator.next();
    return next.done ? undefined : next.value;
  };
  let [now, before] = [advance(found), advance(known)];
  while (now !== undefined || before !== undefined) {
    const order = now === undefined ? 1 : before === undefined ? -1 : compareNodes(now.name, before.name);
    if (now !== undefined && order < 0) yield { node: now.name, figures: now.figures };
    else if (before !== undefined) {
      const figures = order === 0 ? now?.figures : undefined;
      yield isSame(figures, before.figures) ? undefined : { node: before.number, figures };
    }
    if (order <= 0) now = advance(found);
    if (order >= 0) before = advance(known);
  }
}

function isSame(a: Figures | undefined, b: Figures | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const others = toValues(b);
  return toValues(a).every((value, i) => value === others[i]);
}

/** A few at a time: what is written meanwhile lies before the place that was come to. */
function* knownNodes({ selectKnown }: Tables, before: number): Generator<Known> {
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
  if (next !== undefined) tables.handOn.run(next, node, snapshot);
  tables.deleteFigures.run(node, snapshot);
  // What is no change any more is no row: figures like those before, or the end of what has no beginning.
  if (next !== undefined) tables.deleteUnchanged.run(node, next);
  tables.deleteNode.run(node);
}

function toValues(figures: Figures | undefined): readonly Value[] {
  if (figures === undefined) return [null, null, null, null, null, 0, 0];
  const { sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes } = figures;
  const bytes = [sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes];
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
    tagsCount: row.tags_count,
    isComplete: row.is_complete === 1,
  };
}

function* batches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < STEPS_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

type Tables = ReturnType<typeof prepareTables>;
type KnownRow = FiguresRow & NodeName & { readonly number: number };

const COLUMNS =
  'is_there, size_bytes, disk_size_bytes, deduplicated_bytes, reclaimable_bytes, metadata_bytes, tags_count, is_complete';

function prepareTables(database: Database) {
  const isUnchanged = COLUMNS.split(', ').map((column) => `earlier.${column} IS figures.${column}`);
  return {
    selectKnown: database.statement<KnownRow>(
      `SELECT number, kind, path, tag, snapshot, ${COLUMNS}
       FROM node LEFT JOIN figures ON node = number
         AND snapshot = (SELECT max(snapshot) FROM figures WHERE node = number AND snapshot <= ?)
       WHERE (kind, path, tag) > (?, ?, ?) ORDER BY kind, path, tag LIMIT ${STEPS_AT_ONCE}`,
    ),
    selectRows: database.statement<FiguresRow>(
      `SELECT snapshot, ${COLUMNS} FROM node JOIN figures ON node = number
       WHERE kind = ? AND path = ? AND tag = ? ORDER BY snapshot`,
    ),
    selectNodes: database.statement<{ node: number }>(
      `SELECT node FROM figures WHERE snapshot = ? ORDER BY node LIMIT ${STEPS_AT_ONCE}`,
    ),
    insertNode: database.statement<{ number: number }>(
      'INSERT INTO node (kind, path, tag) VALUES (?, ?, ?) RETURNING number',
    ),
    insertFigures: database.statement(
      `INSERT INTO figures (node, snapshot, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    handOn: database.statement('UPDATE OR IGNORE figures SET snapshot = ? WHERE node = ? AND snapshot = ?'),
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

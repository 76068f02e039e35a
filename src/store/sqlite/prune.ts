import { type Digest, parseDigest } from '../../domain/names.ts';
import { createBlobIndex } from '../../domain/snapshot/blob-index.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { createYielder } from '../../lib/yielding.ts';
import type { Clock } from '../../ports.ts';
import { decodeDigest } from '../encoding/encode-digest.ts';
import type { Database, Value } from './database.ts';

/** What went out of use is kept for a while: a tag that is gone may come back. */
const KEPT_MS = 30 * 86_400_000;
const SWEEP_EVERY_MS = 3_600_000;
const ROWS_AT_ONCE = 1000;

/**
 * Removes what no tag of the registry reaches any more, some time after it was found to be so, and pulls of what is not there any more.
 * Not at every snapshot: there may be one every few seconds. And not while a crawl is unfinished, nor on from where it begins: it may have met
 * again what the snapshot does not know of, and what is kept it does not read a second time.
 */
export function createPrune(database: Database, clock: Clock): (snapshot: Snapshot) => Promise<void> {
  const contents = ['manifest', 'image_config', 'blob'].map((table) => prepareContent(database, table));
  const pulls = preparePulls(database);
  const crawl = database.statement<{ started_at: number }>('SELECT started_at FROM crawl');
  const isCrawling = (): boolean => crawl.get() !== undefined;
  const inBatches = async (sweepBatch: () => boolean): Promise<void> => {
    const yieldNow = createYielder(1);
    for (let isEnd = false; !isEnd && !isCrawling(); await yieldNow()) isEnd = database.transaction(sweepBatch);
  };
  let sweptAt = Number.NEGATIVE_INFINITY;
  return async (snapshot) => {
    const now = clock();
    if (Math.abs(now - sweptAt) < SWEEP_EVERY_MS || isCrawling()) return;
    const { node } = createBlobIndex(snapshot.contents);
    const isUsed = (digest: Digest): boolean => node(digest) !== undefined;
    for (const table of contents) await inBatches(contentSweep(table, isUsed, now));
    await inBatches(pullSweep(pulls, snapshot, isUsed, now));
    if (!isCrawling()) sweptAt = now;
  };
}

/** Each call sweeps the next rows, and says whether they are the last ones. */
function contentSweep(
  table: ReturnType<typeof prepareContent>,
  isUsed: (digest: Digest) => boolean,
  now: number,
): () => boolean {
  let last = 0;
  return () => {
    const rows = table.select.all(last);
    for (const { rowid, digest, unused_since } of rows) {
      last = rowid;
      if (isUsed(decodeDigest(digest))) {
        if (unused_since !== null) table.mark.run(null, rowid);
      } else if (unused_since === null) table.mark.run(now, rowid);
      else if (now - unused_since > KEPT_MS) table.delete.run(rowid);
    }
    return rows.length < ROWS_AT_ONCE;
  };
}

/** There is no mark for a pull: one of long ago that nobody could repeat is of no use to anyone. */
function pullSweep(
  table: ReturnType<typeof preparePulls>,
  { repositories }: Snapshot,
  isUsed: (digest: Digest) => boolean,
  now: number,
): () => boolean {
  const tagsOf = new Map<string, readonly { readonly name: string }[]>(
    repositories.map(({ name, tags }) => [name, tags]),
  );
  let there = { repository: '', tags: new Set<string>() };
  let last = { repository: '', reference: '' };
  return () => {
    const rows = table.select.all(last.repository, last.reference);
    for (const row of rows) {
      last = row;
      if (now - row.at <= KEPT_MS) continue;
      if (row.repository !== there.repository) {
        const names = (tagsOf.get(row.repository) ?? []).map(({ name }) => name);
        there = { repository: row.repository, tags: new Set(names) };
      }
      const digest = parseDigest(row.reference);
      const isThere = digest === undefined ? there.tags.has(row.reference) : there.tags.size > 0 && isUsed(digest);
      if (!isThere) table.delete.run(row.repository, row.reference);
    }
    return rows.length < ROWS_AT_ONCE;
  };
}

function prepareContent(database: Database, table: string) {
  return {
    select: database.statement<{ rowid: number; digest: Value; unused_since: number | null }>(
      `SELECT rowid, digest, unused_since FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_AT_ONCE}`,
    ),
    mark: database.statement(`UPDATE ${table} SET unused_since = ? WHERE rowid = ?`),
    delete: database.statement(`DELETE FROM ${table} WHERE rowid = ?`),
  };
}

function preparePulls(database: Database) {
  return {
    select: database.statement<{ repository: string; reference: string; at: number }>(
      `SELECT repository, reference, at FROM pull WHERE (repository, reference) > (?, ?)
       ORDER BY repository, reference LIMIT ${ROWS_AT_ONCE}`,
    ),
    delete: database.statement('DELETE FROM pull WHERE repository = ? AND reference = ?'),
  };
}

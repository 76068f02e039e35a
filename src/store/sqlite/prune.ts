import { type Digest, parseDigest } from '../../domain/names.ts';
import { createBlobIndex } from '../../domain/snapshot/blob-index.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Clock } from '../../ports.ts';
import type { Database, Value } from './database.ts';
import { decodeDigest } from './encode-digest.ts';

/** How long unused rows are kept: a tag that was deleted may come back. */
const UNUSED_KEPT_MS = 30 * 86_400_000;
const PRUNE_EVERY_MS = 3_600_000;
const ROWS_PER_BATCH = 1000;

/**
 * Deletes cached manifests, configs and blob sizes that no tag has reached for a while, and old pulls of what no longer exists.
 *
 * Does so at most once an hour, since there may be a snapshot every few seconds. Does nothing while a crawl is unfinished, and stops when one
 * begins: the crawl may have found cached manifests that the snapshot does not contain, and does not read them again.
 */
export function createPrune(database: Database, clock: Clock): (snapshot: Snapshot) => Promise<void> {
  const caches = ['manifest', 'image_config', 'blob'].map((table) => prepareCacheTable(database, table));
  const pulls = preparePulls(database);
  const crawl = database.statement<{ started_at: number }>('SELECT started_at FROM crawl');
  const isCrawling = (): boolean => crawl.get() !== undefined;
  const inBatches = async (pruneBatch: () => boolean): Promise<void> => {
    for (let isLast = false; !isLast && !isCrawling(); await yieldToEventLoop())
      isLast = database.transaction(pruneBatch);
  };
  let prunedAt = Number.NEGATIVE_INFINITY;
  return async (snapshot) => {
    const now = clock();
    if (Math.abs(now - prunedAt) < PRUNE_EVERY_MS || isCrawling()) return;
    const { node } = createBlobIndex(snapshot.contents);
    const isUsed = (digest: Digest): boolean => node(digest) !== undefined;
    for (const table of caches) await inBatches(cachePruner(table, isUsed, now));
    await inBatches(pullPruner(pulls, snapshot, isUsed, now));
    if (!isCrawling()) prunedAt = now;
  };
}

/** Returns a function that handles the next rows of a cache table on each call, and returns whether they were the last. */
function cachePruner(
  table: ReturnType<typeof prepareCacheTable>,
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
      else if (now - unused_since > UNUSED_KEPT_MS) table.delete.run(rowid);
    }
    return rows.length < ROWS_PER_BATCH;
  };
}

/** Does the same for pulls, which have no mark: an old pull of a tag or digest that is gone is deleted at once. */
function pullPruner(
  table: ReturnType<typeof preparePulls>,
  { repositories }: Snapshot,
  isUsed: (digest: Digest) => boolean,
  now: number,
): () => boolean {
  const tagsOf = new Map<string, readonly { readonly name: string }[]>(
    repositories.map(({ name, tags }) => [name, tags]),
  );
  let current = { repository: '', tags: new Set<string>() };
  let last = { repository: '', reference: '' };
  return () => {
    const rows = table.select.all(last.repository, last.reference);
    for (const row of rows) {
      last = row;
      if (now - row.at <= UNUSED_KEPT_MS) continue;
      if (row.repository !== current.repository) {
        const names = (tagsOf.get(row.repository) ?? []).map(({ name }) => name);
        current = { repository: row.repository, tags: new Set(names) };
      }
      const digest = parseDigest(row.reference);
      const isThere = digest === undefined ? current.tags.has(row.reference) : current.tags.size > 0 && isUsed(digest);
      if (!isThere) table.delete.run(row.repository, row.reference);
    }
    return rows.length < ROWS_PER_BATCH;
  };
}

function prepareCacheTable(database: Database, table: string) {
  return {
    select: database.statement<{ rowid: number; digest: Value; unused_since: number | null }>(
      `SELECT rowid, digest, unused_since FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_PER_BATCH}`,
    ),
    mark: database.statement(`UPDATE ${table} SET unused_since = ? WHERE rowid = ?`),
    delete: database.statement(`DELETE FROM ${table} WHERE rowid = ?`),
  };
}

function preparePulls(database: Database) {
  return {
    select: database.statement<{ repository: string; reference: string; at: number }>(
      `SELECT repository, reference, at FROM pull WHERE (repository, reference) > (?, ?)
       ORDER BY repository, reference LIMIT ${ROWS_PER_BATCH}`,
    ),
    delete: database.statement('DELETE FROM pull WHERE repository = ? AND reference = ?'),
  };
}

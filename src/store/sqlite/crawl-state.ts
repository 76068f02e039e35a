import { parseDigest, parseTagName, type RepositoryName } from '../../domain/names.ts';
import type { RepositoryRecord } from '../../domain/snapshot/repository-record.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { createSerialQueue, type SerialQueue } from '../../lib/serial-queue.ts';
import { createYielder } from '../../lib/yielding.ts';
import type { CrawlState } from '../../ports.ts';
import { decodeContent, decodeGap, encodeContent, encodeGap } from '../encoding/encode-repository.ts';
import type { Database, Value } from './database.ts';
import type { QueuedManifestCache } from './manifest-cache.ts';

const RECORDS_BETWEEN_YIELDS = 50;

/** @param cache its queue is written with every record, so that a stored record never refers to a manifest that was lost with the queue */
export function createCrawlState(database: Database, cache: Pick<QueuedManifestCache, 'flushWith'>): CrawlState {
  const tables = prepareTables(database);
  const inOrder = createSerialQueue();
  return {
    ...createCrawls(tables, cache, inOrder),
    ...createRecords(tables, cache, inOrder),
    illegalNames: () => inOrder(async () => toIllegalNames(tables.selectIllegal.all())),
    cut: () =>
      inOrder(async () => {
        const row = tables.selectCut.get();
        const reason = row && parseJson(row.reason);
        return typeof reason === 'string' ? reason : undefined;
      }),
    savePulls: (pulls) =>
      inOrder(async () =>
        database.transaction(() => {
          for (const { repository, reference, at } of pulls) tables.insertPull.run(repository, reference, at);
        }),
      ),
    pulls: (repository) =>
      inOrder(async () => {
        const pulls = tables.selectPulls.all(repository).flatMap(({ reference, at }) => {
          const checked = parseDigest(reference) ?? parseTagName(reference);
          return checked === undefined ? [] : [[checked, at] as const];
        });
        return new Map(pulls);
      }),
  };
}

type Tables = ReturnType<typeof prepareTables>;

type Cache = Pick<QueuedManifestCache, 'flushWith'>;

function createCrawls(
  tables: Tables,
  cache: Cache,
  inOrder: SerialQueue,
): Pick<CrawlState, 'unfinished' | 'lastThoroughAt' | 'begin' | 'finish' | 'abandon'> {
  const writeInOrder = (write: () => void): Promise<void> => inOrder(async () => cache.flushWith(write));
  return {
    unfinished: () =>
      inOrder(async () => {
        const row = tables.selectCrawl.get();
        return row && { startedAt: row.started_at, isThorough: row.is_thorough === 1 };
      }),
    lastThoroughAt: () => inOrder(async () => tables.selectThorough.get()?.started_at),
    begin: ({ startedAt, isThorough }) =>
      writeInOrder(() => {
        tables.deleteCrawl.run();
        tables.deletePending.run();
        tables.insertCrawl.run(startedAt, isThorough ? 1 : 0);
      }),
    finish: (repositories, { illegal, cut }) =>
      writeInOrder(() => {
        tables.promotePending.run();
        tables.deletePending.run();
        for (const { name } of tables.selectNames.all()) if (!repositories.has(name)) tables.deleteRepository.run(name);
        tables.deleteIllegal.run();
        for (const name of illegal) tables.insertIllegal.run(JSON.stringify(name));
        tables.deleteCut.run();
        if (cut !== undefined) tables.insertCut.run(JSON.stringify(cut));
        const crawl = tables.selectCrawl.get();
        if (crawl?.is_thorough === 1) {
          tables.deleteThorough.run();
          tables.insertThorough.run(crawl.started_at);
        }
        tables.deleteCrawl.run();
      }),
    abandon: () =>
      writeInOrder(() => {
        tables.deletePending.run();
        tables.deleteCrawl.run();
      }),
  };
}

function createRecords(
  tables: Tables,
  cache: Cache,
  inOrder: SerialQueue,
): Pick<CrawlState, 'repositories' | 'names' | 'repository' | 'pending' | 'saveRepository' | 'savePending'> {
  return {
    async *repositories({ withPending } = { withPending: false }) {
      const yieldNow = createYielder(RECORDS_BETWEEN_YIELDS);
      const next = withPending ? tables.selectNextWithPending : tables.selectNext;
      // One at a time: a record may be large, and the caller may save records meanwhile.
      for (let row = next.get(''); row !== undefined; row = next.get(row.name)) {
        yield await toRecord(row);
        await yieldNow();
      }
    },
    names: () => inOrder(async () => tables.selectNames.all().map(({ name }) => name)),
    async repository(name) {
      const row = await inOrder(async () => tables.selectRepository.get(name));
      return row && toRecord(row);
    },
    async pending(name) {
      const row = await inOrder(async () => tables.selectPending.get(name));
      return row && toRecord(row);
    },
    saveRepository: (record) =>
      inOrder(async () => {
        const values = await toValues(record);
        cache.flushWith(() => {
          tables.insertRepository.run(...values);
          tables.deletePendingOf.run(record.name);
        });
      }),
    savePending: (record) =>
      inOrder(async () => {
        const values = await toValues(record);
        cache.flushWith(() => tables.insertPending.run(...values));
      }),
  };
}

interface RepositoryRow {
  readonly name: RepositoryName;
  readonly read_at: number | null;
  readonly reading: Uint8Array | null;
  readonly failure: string | null;
}

/** Names are stored as JSON (see migrations.ts). */
function toIllegalNames(rows: readonly { readonly name: string }[]): ReadonlySet<string> {
  return new Set(rows.map(({ name }) => parseJson(name)).filter((name) => typeof name === 'string'));
}

/** Content that cannot be decoded counts as never read: the next crawl reads it again, and the rest of the store stays usable. */
async function toRecord({ name, read_at, reading, failure }: RepositoryRow): Promise<RepositoryRecord> {
  const content = read_at === null || reading === null ? undefined : await decodeContent(read_at, reading);
  return { name, content, failure: failure === null ? undefined : decodeGap(failure) };
}

async function toValues({ name, content, failure }: RepositoryRecord): Promise<readonly Value[]> {
  const encoded = content === undefined ? null : await encodeContent(content);
  return [name, content?.readAt ?? null, encoded, failure === undefined ? null : encodeGap(failure)];
}

function prepareTables(database: Database) {
  const columns = 'SELECT name, read_at, reading, failure FROM repository';
  return {
    selectCrawl: database.statement<{ started_at: number; is_thorough: number }>(
      'SELECT started_at, is_thorough FROM crawl',
    ),
    insertCrawl: database.statement('INSERT INTO crawl (started_at, is_thorough) VALUES (?, ?)'),
    selectThorough: database.statement<{ started_at: number }>('SELECT started_at FROM thorough_crawl'),
    insertThorough: database.statement('INSERT INTO thorough_crawl (started_at) VALUES (?)'),
    deleteThorough: database.statement('DELETE FROM thorough_crawl'),
    deleteCrawl: database.statement('DELETE FROM crawl'),
    selectNames: database.statement<{ name: RepositoryName }>('SELECT name FROM repository'),
    selectNext: database.statement<RepositoryRow>(`${columns} WHERE name > ? ORDER BY name LIMIT 1`),
    selectRepository: database.statement<RepositoryRow>(`${columns} WHERE name = ?`),
    insertRepository: database.statement(
      'INSERT OR REPLACE INTO repository (name, read_at, reading, failure) VALUES (?, ?, ?, ?)',
    ),
    selectNextWithPending: database.statement<RepositoryRow>(
      `SELECT name, read_at, reading, failure FROM pending_repository WHERE name > ?1
       UNION ALL
       ${columns} WHERE name > ?1
         AND NOT EXISTS (SELECT 1 FROM pending_repository AS pending WHERE pending.name = repository.name)
       ORDER BY name LIMIT 1`,
    ),
    selectPending: database.statement<RepositoryRow>(
      'SELECT name, read_at, reading, failure FROM pending_repository WHERE name = ?',
    ),
    insertPending: database.statement(
      'INSERT OR REPLACE INTO pending_repository (name, read_at, reading, failure) VALUES (?, ?, ?, ?)',
    ),
    promotePending: database.statement('INSERT OR REPLACE INTO repository SELECT * FROM pending_repository'),
    deletePending: database.statement('DELETE FROM pending_repository'),
    deletePendingOf: database.statement('DELETE FROM pending_repository WHERE name = ?'),
    deleteRepository: database.statement('DELETE FROM repository WHERE name = ?'),
    selectIllegal: database.statement<{ name: string }>('SELECT name FROM illegal_name ORDER BY name'),
    insertIllegal: database.statement('INSERT OR IGNORE INTO illegal_name (name) VALUES (?)'),
    deleteIllegal: database.statement('DELETE FROM illegal_name'),
    selectCut: database.statement<{ reason: string }>('SELECT reason FROM list_cut'),
    insertCut: database.statement('INSERT INTO list_cut (reason) VALUES (?)'),
    deleteCut: database.statement('DELETE FROM list_cut'),
    insertPull: database.statement(
      `INSERT INTO pull (repository, reference, at) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at`,
    ),
    selectPulls: database.statement<{ reference: string; at: number }>(
      'SELECT reference, at FROM pull WHERE repository = ?',
    ),
  };
}

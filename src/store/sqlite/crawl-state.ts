import { parseDigest, parseTagName, type RepositoryName } from '../../domain/names.ts';
import type { RepositoryRecord } from '../../domain/snapshot/repository-record.ts';
import { createSerialQueue } from '../../lib/serial-queue.ts';
import { createYielder } from '../../lib/yielding.ts';
import type { Catalogue } from '../../ports.ts';
import { decodeGap, decodeReading, encodeGap, encodeReading } from '../encoding/encode-reading.ts';
import type { Database, Value } from './database.ts';
import type { Content } from './manifest-cache.ts';

const RECORDS_AT_ONCE = 50;

export function createCatalogue(database: Database, content: Content): Catalogue {
  const tables = prepareTables(database);
  const inOrder = createSerialQueue();
  return {
    ...createRecords(tables, content, inOrder),
    illegalNames: () =>
      inOrder(async () => new Set(tables.selectIllegal.all().map(({ name }) => String(JSON.parse(name))))),
    manifests: content.manifests,
    heldManifests: content.heldManifests,
    saveManifest: async (manifest) => content.saveManifest(manifest),
    forgetManifest: async (digest) => content.forgetManifest(digest),
    imageConfigs: content.imageConfigs,
    saveImageConfig: async (digest, config) => content.saveImageConfig(digest, config),
    blobBytes: content.blobBytes,
    saveBlobBytes: async (digest, bytes) => content.saveBlobBytes(digest, bytes),
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
    ...createCrawlMark(tables, content, inOrder),
  };
}

type Tables = ReturnType<typeof prepareTables>;
type InOrder = ReturnType<typeof createSerialQueue>;

function createCrawlMark(
  tables: Tables,
  content: Content,
  inOrder: InOrder,
): Pick<Catalogue, 'unfinished' | 'lastThoroughAt' | 'begin' | 'finish' | 'abandon'> {
  const writeInOrder = (write: () => void): Promise<void> => inOrder(async () => content.flushWith(write));
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
    finish: (repositories, illegal) =>
      writeInOrder(() => {
        tables.promotePending.run();
        tables.deletePending.run();
        for (const { name } of tables.selectNames.all()) if (!repositories.has(name)) tables.deleteRepository.run(name);
        tables.deleteIllegal.run();
        for (const name of illegal) tables.insertIllegal.run(JSON.stringify(name));
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
  content: Content,
  inOrder: InOrder,
): Pick<Catalogue, 'repositories' | 'names' | 'repository' | 'pending' | 'saveRepository' | 'savePending'> {
  return {
    async *repositories({ withPending } = { withPending: false }) {
      const yieldNow = createYielder(RECORDS_AT_ONCE);
      const next = withPending ? tables.selectNextWithPending : tables.selectNext;
      // One at a time: a record may be large, and whoever reads them may save others meanwhile.
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
        content.flushWith(() => {
          tables.insertRepository.run(...values);
          tables.deletePendingOf.run(record.name);
        });
      }),
    savePending: (record) =>
      inOrder(async () => {
        const values = await toValues(record);
        content.flushWith(() => tables.insertPending.run(...values));
      }),
  };
}

interface RepositoryRow {
  readonly name: RepositoryName;
  readonly read_at: number | null;
  readonly reading: Uint8Array | null;
  readonly failure: string | null;
}

/** What cannot be read any more was never read: the repository is read again, and the store need not be thrown away for it. */
async function toRecord({ name, read_at, reading, failure }: RepositoryRow): Promise<RepositoryRecord> {
  const decoded = read_at === null || reading === null ? undefined : await decodeReading(read_at, reading);
  return { name, reading: decoded, failure: failure === null ? undefined : decodeGap(failure) };
}

async function toValues({ name, reading, failure }: RepositoryRecord): Promise<readonly Value[]> {
  const encoded = reading === undefined ? null : await encodeReading(reading);
  return [name, reading?.readAt ?? null, encoded, failure === undefined ? null : encodeGap(failure)];
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
    insertPull: database.statement(
      `INSERT INTO pull (repository, reference, at) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > at`,
    ),
    selectPulls: database.statement<{ reference: string; at: number }>(
      'SELECT reference, at FROM pull WHERE repository = ?',
    ),
  };
}

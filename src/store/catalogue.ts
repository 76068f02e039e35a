import type { RepositoryRecord } from '../domain/catalogue.ts';
import { parseDigest, parseTagName, type RepositoryName } from '../domain/names.ts';
import type { Catalogue } from '../ports.ts';
import type { Content } from './content.ts';
import type { Database } from './database.ts';
import { decodeGap, decodeReading, encodeGap, encodeReading } from './encode-reading.ts';
import { StoreError } from './errors.ts';
import { createOrder, createTurns } from './turns.ts';

const RECORDS_AT_ONCE = 50;

export function createCatalogue(database: Database, content: Content): Catalogue {
  const tables = prepareTables(database);
  const inOrder = createOrder();
  const writeInOrder = (write: () => void): Promise<void> => inOrder(async () => content.flushWith(write));
  return {
    unfinishedSince: () => inOrder(async () => tables.selectCrawl.get()?.started_at),
    begin: (startedAt) =>
      writeInOrder(() => {
        tables.deleteCrawl.run();
        tables.insertCrawl.run(startedAt);
      }),
    finish: (repositories, illegal) =>
      writeInOrder(() => {
        for (const { name } of tables.selectNames.all()) if (!repositories.has(name)) tables.deleteRepository.run(name);
        tables.deleteIllegal.run();
        for (const name of illegal) tables.insertIllegal.run(JSON.stringify(name));
        tables.deleteCrawl.run();
      }),
    abandon: () => writeInOrder(() => tables.deleteCrawl.run()),
    illegalNames: () =>
      inOrder(async () => new Set(tables.selectIllegal.all().map(({ name }) => String(JSON.parse(name))))),
    async *repositories() {
      const turns = createTurns(RECORDS_AT_ONCE);
      // One at a time: a record may be large, and whoever reads them may save others meanwhile.
      for (let row = tables.selectNext.get(''); row !== undefined; row = tables.selectNext.get(row.name)) {
        yield await toRecord(database, row);
        await turns();
      }
    },
    async repository(name) {
      const row = await inOrder(async () => tables.selectRepository.get(name));
      return row && toRecord(database, row);
    },
    saveRepository: ({ name, reading, failure }) =>
      inOrder(async () => {
        const readAt = reading?.readAt ?? null;
        const encoded = reading === undefined ? null : await encodeReading(reading);
        const why = failure === undefined ? null : encodeGap(failure);
        content.flushWith(() => tables.insertRepository.run(name, readAt, encoded, why));
      }),
    manifests: content.manifests,
    saveManifest: async (manifest) => content.saveManifest(manifest),
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
  };
}

interface RepositoryRow {
  readonly name: RepositoryName;
  readonly read_at: number | null;
  readonly reading: Uint8Array | null;
  readonly failure: string | null;
}

async function toRecord(
  { file }: Database,
  { name, read_at, reading, failure }: RepositoryRow,
): Promise<RepositoryRecord> {
  const isRead = read_at !== null && reading !== null;
  const [decoded, gap] = [isRead ? await decodeReading(read_at, reading) : undefined, failure && decodeGap(failure)];
  if ((isRead && decoded === undefined) || (failure !== null && gap === undefined)) {
    throw new StoreError(`what the store holds of the repository ${name} cannot be read`, file);
  }
  return { name, reading: decoded, failure: gap || undefined };
}

function prepareTables(database: Database) {
  const columns = 'SELECT name, read_at, reading, failure FROM repository';
  return {
    selectCrawl: database.statement<{ started_at: number }>('SELECT started_at FROM crawl'),
    insertCrawl: database.statement('INSERT INTO crawl (started_at) VALUES (?)'),
    deleteCrawl: database.statement('DELETE FROM crawl'),
    selectNames: database.statement<{ name: RepositoryName }>('SELECT name FROM repository'),
    selectNext: database.statement<RepositoryRow>(`${columns} WHERE name > ? ORDER BY name LIMIT 1`),
    selectRepository: database.statement<RepositoryRow>(`${columns} WHERE name = ?`),
    insertRepository: database.statement(
      `INSERT INTO repository (name, read_at, reading, failure) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET read_at = excluded.read_at, reading = excluded.reading, failure = excluded.failure`,
    ),
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

import { hash } from 'node:crypto';
import type { CrawlResult } from '../../domain/snapshot/crawl-result.ts';
import { createYielder } from '../../lib/yielding.ts';
import { CRAWL_RESULT_FORMAT, CrawlResultDecoder, encodeCrawlResult } from '../encoding/encode-crawl-result.ts';
import { StoreError } from '../errors.ts';
import type { Database } from './database.ts';

/** The crawl results of snapshots, by the number of the snapshot. The table is called `findings`. */
export interface CrawlResultTable {
  /** Returns undefined if there is none, or another version of this service or of Node wrote it. Throws a `StoreError` if it is damaged. */
  read(snapshot: number): Promise<CrawlResult | undefined>;
  write(snapshot: number, crawlResult: CrawlResult): Promise<void>;
  /** Deletes the crawl results of all other snapshots. */
  keepOnly(snapshot: number): void;
}

interface PieceRow {
  readonly format: number;
  readonly is_last: number;
  readonly sha256: string;
  readonly body: Uint8Array;
}

export function createCrawlResultTable(database: Database): CrawlResultTable {
  const select = database.statement<PieceRow>(
    'SELECT format, is_last, sha256, body FROM findings WHERE snapshot = ? AND piece = ?',
  );
  const insert = database.statement(
    'INSERT INTO findings (snapshot, piece, format, is_last, sha256, body) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const remove = database.statement('DELETE FROM findings WHERE snapshot <> ?');
  const damaged = (): StoreError =>
    new StoreError(
      'the store is damaged: the data of the latest snapshot does not match its checksums; the next crawl replaces it',
      database.file,
    );
  return {
    async read(snapshot) {
      const decoder = new CrawlResultDecoder();
      const yieldNow = createYielder(1);
      for (let piece = 0; ; piece++) {
        const row = select.get(snapshot, piece);
        if (row === undefined && piece === 0) return undefined;
        if (row === undefined || hash('sha256', row.body) !== row.sha256) throw damaged();
        if (row.format !== CRAWL_RESULT_FORMAT || !canDecode(decoder, row.body)) return undefined;
        if (row.is_last === 1) return decoder.result();
        await yieldNow();
      }
    },
    async write(snapshot, crawlResult) {
      const yieldNow = createYielder(1);
      let [piece, previous] = [0, undefined as Uint8Array | undefined];
      const put = (body: Uint8Array, isLast: boolean): void => {
        insert.run(snapshot, piece++, CRAWL_RESULT_FORMAT, isLast ? 1 : 0, hash('sha256', body), body);
      };
      for (const body of encodeCrawlResult(crawlResult)) {
        if (previous !== undefined) put(previous, false);
        previous = body;
        await yieldNow();
      }
      if (previous !== undefined) put(previous, true);
    },
    keepOnly(snapshot) {
      remove.run(snapshot);
    },
  };
}

/** Returns false if a later version of Node wrote the piece. */
function canDecode(decoder: CrawlResultDecoder, body: Uint8Array): boolean {
  try {
    decoder.add(body);
    return true;
  } catch {
    return false;
  }
}

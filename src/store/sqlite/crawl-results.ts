import { hash } from 'node:crypto';
import type { CrawlResult } from '../../domain/snapshot/crawl-result.ts';
import { createYielder } from '../../lib/yielding.ts';
import { CRAWL_RESULT_FORMAT, CrawlResultDecoder, encodeCrawlResult } from '../encoding/encode-crawl-result.ts';
import { StoreError } from '../errors.ts';
import type { Database } from './database.ts';

/** What the latest snapshot was counted from, by the number of the snapshot. */
export interface CrawlResultTable {
  /** Undefined where there is none, or another version of this service wrote it: that is no error. */
  read(snapshot: number): Promise<CrawlResult | undefined>;
  write(snapshot: number, findings: CrawlResult): Promise<void>;
  /** Removes those of all others. */
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
      'the store is damaged: what the latest snapshot was counted from is not what was written',
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
        if (row.format !== CRAWL_RESULT_FORMAT || !isDecoded(decoder, row.body)) return undefined;
        if (row.is_last === 1) return decoder.findings();
        await yieldNow();
      }
    },
    async write(snapshot, findings) {
      const yieldNow = createYielder(1);
      let [piece, waiting] = [0, undefined as Uint8Array | undefined];
      const put = (body: Uint8Array, isLast: boolean): void => {
        insert.run(snapshot, piece++, CRAWL_RESULT_FORMAT, isLast ? 1 : 0, hash('sha256', body), body);
      };
      for (const body of encodeCrawlResult(findings)) {
        if (waiting !== undefined) put(waiting, false);
        waiting = body;
        await yieldNow();
      }
      if (waiting !== undefined) put(waiting, true);
    },
    keepOnly(snapshot) {
      remove.run(snapshot);
    },
  };
}

/** Not where a later version of Node wrote it. */
function isDecoded(decoder: CrawlResultDecoder, body: Uint8Array): boolean {
  try {
    decoder.add(body);
    return true;
  } catch {
    return false;
  }
}

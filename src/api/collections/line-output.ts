import type { Body } from '../../http/bodies/body-cache.ts';
import { encoding, readParts } from '../../http/bodies/content-coding.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Collection } from './collection.ts';
import { csvHeader, csvLine } from './csv.ts';
import type { OutputFormat } from './output-format.ts';

export type LinesForm = Exclude<OutputFormat, 'hal'>;

/** A few milliseconds of work. */
const PART_LENGTH = 64 * 1024;

/** The members at those positions, a line each. Nothing of it is kept: it is made as fast as it is read, others being answered in between. */
export function toLines(
  listing: Pick<Collection, 'columns' | 'memberAt'>,
  positions: Uint32Array,
  form: LinesForm,
  etag: string,
): Body {
  return {
    etag,
    isShort: false,
    content: (coding) => ({
      length: undefined,
      open() {
        const parts = partsOf(listing, positions, form);
        return coding === undefined ? readParts(parts) : encoding(parts, coding);
      },
    }),
  };
}

async function* partsOf(
  { columns, memberAt }: Pick<Collection, 'columns' | 'memberAt'>,
  positions: Uint32Array,
  form: LinesForm,
): AsyncGenerator<Buffer, void> {
  const isCsv = form === 'csv';
  let text = isCsv ? csvHeader(columns) : '';
  for (const position of positions) {
    const member = memberAt(position);
    text += isCsv ? csvLine(columns, member) : `${JSON.stringify(member)}\n`;
    if (text.length < PART_LENGTH) continue;
    yield Buffer.from(text);
    text = '';
    await yieldToEventLoop();
  }
  if (text !== '') yield Buffer.from(text);
}

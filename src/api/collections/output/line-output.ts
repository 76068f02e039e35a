import type { Body } from '../../../http/bodies/body.ts';
import { encoding, readParts } from '../../../http/bodies/content-coding.ts';
import { yieldToEventLoop } from '../../../lib/yielding.ts';
import type { Representation } from '../../hal/representation.ts';
import { csvHeader, csvLine } from './csv.ts';
import type { OutputFormat } from './output-format.ts';

export type LineFormat = Exclude<OutputFormat, 'hal'>;

/** The lines of a collection, one for each member. */
export interface Lines {
  readonly columns: readonly string[];
  readonly lineAt: (position: number) => Representation;
}

/** A few milliseconds of work. */
const PART_LENGTH = 64 * 1024;

/** Returns the members at these positions, one per line. The lines are generated as fast as the client reads them, and not cached. */
export function toLines(lines: Lines, positions: Uint32Array, format: LineFormat, etag: string): Body {
  return {
    etag,
    isShort: false,
    content: (coding) => ({
      length: undefined,
      open() {
        const parts = partsOf(lines, positions, format);
        return coding === undefined ? readParts(parts) : encoding(parts, coding);
      },
    }),
  };
}

async function* partsOf(
  { columns, lineAt }: Lines,
  positions: Uint32Array,
  format: LineFormat,
): AsyncGenerator<Buffer, void> {
  const isCsv = format === 'csv';
  let text = isCsv ? csvHeader(columns) : '';
  for (const position of positions) {
    const member = lineAt(position);
    text += isCsv ? csvLine(columns, member) : `${JSON.stringify(member)}\n`;
    if (text.length < PART_LENGTH) continue;
    yield Buffer.from(text);
    text = '';
    await yieldToEventLoop();
  }
  if (text !== '') yield Buffer.from(text);
}

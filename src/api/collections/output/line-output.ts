import type { Body } from '../../../http/bodies/body.ts';
import { streamParts } from '../../../http/bodies/stream-parts.ts';
import type { BoundedWork } from '../../../http/work/bounded-work.ts';
import type { Resumable } from '../../../lib/resumable.ts';
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
/** A step takes about a tenth of a millisecond. */
const LINES_PER_STEP = 16;

export interface LinesOptions {
  readonly format: LineFormat;
  readonly etag: string;
  readonly work: BoundedWork;
}

/** Returns the members at these positions, one per line. The lines are generated as fast as the client reads them, and not cached. */
export function toLines(lines: Lines, positions: Uint32Array, { format, etag, work }: LinesOptions): Body {
  return {
    etag,
    isShort: false,
    content: (coding, job) => ({
      length: undefined,
      open: () => streamParts(partsOf(lines, positions, format), { work, job, coding }),
    }),
  };
}

/** Returns a function that generates the next part. */
function partsOf(
  { columns, lineAt }: Lines,
  positions: Uint32Array,
  format: LineFormat,
): () => Resumable<Buffer | undefined> {
  const isCsv = format === 'csv';
  let text = isCsv ? csvHeader(columns) : '';
  let at = 0;
  return function* nextPart() {
    while (at < positions.length && text.length < PART_LENGTH) {
      const member = lineAt(positions[at++] ?? 0);
      text += isCsv ? csvLine(columns, member) : `${JSON.stringify(member)}\n`;
      if (at % LINES_PER_STEP === 0) yield;
    }
    const part = text === '' ? undefined : Buffer.from(text);
    text = '';
    return part;
  };
}

import { HAL } from '../../../http/bodies/send-body.ts';
import { qualityValues } from '../../../lib/quality-values.ts';

/** The format of a collection: a HAL resource, or one line per member. */
export type OutputFormat = 'hal' | 'ndjson' | 'csv';

/** The first one wins if a client prefers several equally. */
const FORMATS: readonly OutputFormat[] = ['hal', 'ndjson', 'csv'];

const TYPES: Readonly<Record<OutputFormat, readonly string[]>> = {
  hal: [HAL, 'application/json'],
  ndjson: ['application/x-ndjson', 'application/ndjson'],
  csv: ['text/csv'],
};

/** The `Content-Type` of each. NDJSON is always UTF-8; for CSV, the header has to say so (RFC 7111, 5.1). */
export const CONTENT_TYPES: Readonly<Record<OutputFormat, string>> = {
  hal: HAL,
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
};

/**
 * Returns the format that an `Accept` header prefers (RFC 9110, 12.5.1). If it prefers several equally, a type that it names wins over one that only
 * a range matches. Returns HAL if it accepts none of them, since clients of the first version send many other values.
 */
export function chosenFormat(accept: string | undefined): OutputFormat {
  if (accept === undefined) return 'hal';
  const wanted = qualityValues(accept);
  const rankOf = (format: OutputFormat): number => Math.max(...TYPES[format].map((type) => rank(type, wanted)));
  const [best = 'hal'] = FORMATS.toSorted((a, b) => rankOf(b) - rankOf(a));
  return best;
}

/** Weights have at most three decimal places. */
const LESS_THAN_ANY_WEIGHT = 0.0001;

/** Returns the weight of a type: its own, or else that of a range that matches it. */
function rank(type: string, wanted: ReadonlyMap<string, number>): number {
  const named = wanted.get(type);
  if (named !== undefined) return named === 0 ? 0 : named + LESS_THAN_ANY_WEIGHT;
  const [range = ''] = type.split('/');
  return wanted.get(`${range}/*`) ?? wanted.get('*/*') ?? 0;
}

import { HAL } from '../../../http/bodies/send-body.ts';
import { qualityValues } from '../../../lib/quality-values.ts';

/** How a collection is written: as a HAL resource, or its members alone, each on a line. */
export type OutputFormat = 'hal' | 'ndjson' | 'csv';

/** Of equals the first. */
const FORMS: readonly OutputFormat[] = ['hal', 'ndjson', 'csv'];

const TYPES: Readonly<Record<OutputFormat, readonly string[]>> = {
  hal: [HAL, 'application/json'],
  ndjson: ['application/x-ndjson', 'application/ndjson'],
  csv: ['text/csv'],
};

/** As each goes out. NDJSON is in UTF-8 by its own definition, CSV has to say so (RFC 7111, 5.1). */
export const CONTENT_TYPES: Readonly<Record<OutputFormat, string>> = {
  hal: HAL,
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
};

/**
 * The form that an `Accept` wants most (RFC 9110, 12.5.1); of equals the one that it names, and not just lets pass. HAL where it wants none of
 * them: clients of the first version of this service send all kinds of things.
 */
export function chosenFormat(accept: string | undefined): OutputFormat {
  if (accept === undefined) return 'hal';
  const wanted = qualityValues(accept);
  const rankOf = (form: OutputFormat): number => Math.max(...TYPES[form].map((type) => rank(type, wanted)));
  const [best = 'hal'] = FORMS.toSorted((a, b) => rankOf(b) - rankOf(a));
  return best;
}

/** Weights have three digits behind the point. */
const LESS_THAN_ANY_WEIGHT = 0.0001;

/** What is said of a type itself counts, and not what is said of all that are like it. */
function rank(type: string, wanted: ReadonlyMap<string, number>): number {
  const named = wanted.get(type);
  if (named !== undefined) return named === 0 ? 0 : named + LESS_THAN_ANY_WEIGHT;
  const [range = ''] = type.split('/');
  return wanted.get(`${range}/*`) ?? wanted.get('*/*') ?? 0;
}

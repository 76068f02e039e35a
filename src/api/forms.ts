import { weights } from './accept.ts';
import { HAL } from './send-body.ts';

/** How a collection is written: as a HAL resource, or its members alone, each on a line. */
export type Form = 'hal' | 'ndjson' | 'csv';

/** Of equals the first. */
const FORMS: readonly Form[] = ['hal', 'ndjson', 'csv'];

const TYPES: Readonly<Record<Form, readonly string[]>> = {
  hal: [HAL, 'application/json'],
  ndjson: ['application/x-ndjson', 'application/ndjson'],
  csv: ['text/csv'],
};

/** As each goes out. NDJSON is in UTF-8 by its own definition, CSV has to say so (RFC 7111, 5.1). */
export const CONTENT_TYPES: Readonly<Record<Form, string>> = {
  hal: HAL,
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
};

/**
 * The form that an `Accept` wants most (RFC 9110, 12.5.1); of equals the one that it names, and not just lets pass. HAL where it wants none of
 * them: clients of the first version of this service send all kinds of things.
 */
export function chosenForm(accept: string | undefined): Form {
  if (accept === undefined) return 'hal';
  const wanted = weights(accept);
  const rank = (form: Form): number => {
    const { weight, isNamed } = wish(wanted, TYPES[form]);
    return weight === 0 ? 0 : 2 * weight + (isNamed ? LESS_THAN_ANY_WEIGHT : 0);
  };
  const [best = 'hal'] = FORMS.toSorted((a, b) => rank(b) - rank(a));
  return best;
}

/** Weights have three digits behind the point. */
const LESS_THAN_ANY_WEIGHT = 0.001;

/** What is said of a type itself counts, and not what is said of all that are like it. */
function wish(
  wanted: ReadonlyMap<string, number>,
  types: readonly string[],
): { readonly weight: number; readonly isNamed: boolean } {
  const named = types.flatMap((type) => wanted.get(type) ?? []);
  if (named.length > 0) return { weight: Math.max(...named), isNamed: true };
  const [range = ''] = types[0]?.split('/') ?? [];
  return { weight: wanted.get(`${range}/*`) ?? wanted.get('*/*') ?? 0, isNamed: false };
}

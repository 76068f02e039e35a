const UNIT_SECONDS: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 };
const DURATION = /^\s*([0-9０-９]+)\s*(w|weeks?|d|days?|h|hours?|m|min|minutes?|s|sec|seconds?)\s*$/i;
/** A hundred years, in seconds. A longer duration is a typing error, and would overflow a date. */
export const LONGEST_SECONDS = 100 * 365.25 * 86_400;

export type Duration = { readonly seconds: number } | { readonly wrong: string };

/**
 * Reads `2 weeks`, `14d` or `90 S`. One number and one unit: no fractions, signs or sums.
 * Full-width digits are accepted, because the Python service accepted them.
 */
export function parseDuration(text: string): Duration {
  const [, digits = '', unit = ''] = DURATION.exec(text) ?? [];
  const perUnit = UNIT_SECONDS[unit.charAt(0).toLowerCase()];
  if (perUnit === undefined) return { wrong: 'is not a duration' };
  const seconds = Number(digits.normalize('NFKC')) * perUnit;
  return seconds <= LONGEST_SECONDS ? { seconds } : { wrong: 'is longer than a hundred years' };
}

/**
 * Parses a header such as `Accept` or `Accept-Encoding` (RFC 9110, section 12.4.2). Returns its values in lower case and without parameters, with
 * their weights: from 0, which refuses the value, to 1. If a value occurs twice, the larger weight is used. An invalid weight is 0.
 */
export function qualityValues(header: string | undefined): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const element of (header ?? '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = element.split(';').map((part) => part.trim());
    if (name !== '') found.set(name, Math.max(weightIn(parameters), found.get(name) ?? 0));
  }
  return found;
}

function weightIn(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice('q='.length);
  if (weight === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
}

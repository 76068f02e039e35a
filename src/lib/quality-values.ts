/**
 * What a header such as `Accept` or `Accept-Encoding` names, in lower case and without parameters, and its weight: from 0, which refuses it, to 1
 * (RFC 9110, 12.4.2). Of what is named twice the larger weight counts; a weight that is none is 0.
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

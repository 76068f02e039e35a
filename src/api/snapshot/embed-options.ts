/** What a request wants besides a resource's own state. */
export interface EmbedOptions {
  /** How many levels of resources to embed; infinite for all of them. */
  readonly embed: number;
  readonly links: boolean;
}

const ALL_LEVELS: ReadonlySet<string> = new Set(['true', 'yes', 't', 'y']);
const YES: ReadonlySet<string> = new Set([...ALL_LEVELS, '1']);

/**
 * `embed` and `links`, of the query or else of a JSON body: of several values of a name the first, and none of an unknown one.
 *
 * @param deepestLevel how many levels there are: a larger number is all of them
 */
export function readEmbedOptions(query: URLSearchParams, body: unknown, deepestLevel: number): EmbedOptions {
  const embed = textOf('embed', query, body);
  return { embed: levels(embed, deepestLevel), links: YES.has(textOf('links', query, body).toLowerCase()) };
}

function levels(text: string, deepestLevel: number): number {
  if (ALL_LEVELS.has(text.toLowerCase())) return Number.POSITIVE_INFINITY;
  if (!/^[0-9]+$/.test(text)) return 0;
  return Number(text) >= deepestLevel ? Number.POSITIVE_INFINITY : Number(text);
}

function textOf(name: string, query: URLSearchParams, body: unknown): string {
  const own = query.get(name);
  if (own !== null) return own;
  if (typeof body !== 'object' || body === null || !(name in body)) return '';
  const value = (body as Record<string, unknown>)[name];
  return typeof value === 'object' ? '' : String(value);
}

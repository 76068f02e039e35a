/** What a request asks for besides the state of a resource. */
export interface EmbedOptions {
  /** The number of levels of resources to embed; infinite for all levels. */
  readonly embed: number;
  readonly links: boolean;
}

const ALL_LEVELS: ReadonlySet<string> = new Set(['true', 'yes', 't', 'y']);
const YES: ReadonlySet<string> = new Set([...ALL_LEVELS, '1']);

/**
 * Reads `embed` and `links` from a JSON body, or else from the query, as the original service does. If a parameter is given several times, the first one
 * applies. A value that is not known means no.
 *
 * @param deepestLevel the number of levels that exist; a larger `embed` embeds all of them
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
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return query.get(name) ?? '';
  const value = (body as Record<string, unknown>)[name];
  return typeof value === 'object' ? '' : String(value);
}

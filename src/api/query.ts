/** What a request wants besides a resource's own state. */
export interface Wants {
  /** How many levels of resources to embed; infinite for all of them. */
  readonly embed: number;
  readonly links: boolean;
}

const ALL_LEVELS: ReadonlySet<string> = new Set(['true', 'yes', 't', 'y']);
const YES: ReadonlySet<string> = new Set([...ALL_LEVELS, '1']);
/** There are no more levels than repositories, tags of each, and the tags themselves: a larger number is all of them. */
const DEEPEST_LEVEL = 4;

/** `embed` and `links`, of the query or else of a JSON body: of several values of a name the first, and none of an unknown one. */
export function readWants(query: URLSearchParams, body: unknown): Wants {
  const embed = textOf('embed', query, body);
  return { embed: levels(embed), links: YES.has(textOf('links', query, body).toLowerCase()) };
}

function levels(text: string): number {
  if (ALL_LEVELS.has(text.toLowerCase())) return Number.POSITIVE_INFINITY;
  if (!/^[0-9]+$/.test(text)) return 0;
  return Number(text) >= DEEPEST_LEVEL ? Number.POSITIVE_INFINITY : Number(text);
}

function textOf(name: string, query: URLSearchParams, body: unknown): string {
  const own = query.get(name);
  if (own !== null) return own;
  if (typeof body !== 'object' || body === null || !(name in body)) return '';
  return String((body as Record<string, unknown>)[name]);
}

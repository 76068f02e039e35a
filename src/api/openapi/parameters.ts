/* The parameters of the OpenAPI document. */

import { z } from 'zod';
import { DEFAULT_PER_PAGE, LONGEST_SEARCH, MOST_PER_PAGE } from '../collections/list-query.ts';
import { EXACT_PARAMETER } from '../hal/links.ts';
import { FIGURE_NAMES } from '../hal/represent-figures.ts';

/** A JSON object of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** What a collection can be put in order by. */
const FIGURE_ORDERS = FIGURE_NAMES.filter((name) => name !== 'complete');
const NODE_ORDERS = ['name', ...FIGURE_ORDERS] as const;
export const ORDERS = {
  node: NODE_ORDERS,
  tag: [...NODE_ORDERS, 'created_at', 'last_pulled_at', 'layers_count'],
  blob: ['digest', 'bytes', 'tags_count', 'repositories_count'],
  gap: ['name'],
} as const;

export type OrderSet = keyof typeof ORDERS;

const MOST_PAGE = 999_999_999;

const QUERY = {
  search: z
    .string()
    .max(LONGEST_SEARCH)
    .describe('Only members with that text in their name; with `*` or `?` a pattern for the whole name.'),
  sort: z
    .enum(['asc', 'desc'])
    .describe('Without it names come from the first one on, numbers and times from the largest or latest one on.'),
  page: z.int().min(1).max(MOST_PAGE).describe('Which page.'),
  per_page: z
    .int()
    .min(1)
    .max(MOST_PER_PAGE)
    .describe(
      `How many members a page has. Where only \`page\` is given: ${DEFAULT_PER_PAGE}; where neither is, everything comes at once, but for \`/tags\` and \`/blobs\` as HAL.`,
    ),
  snapshot: z
    .string()
    .describe(
      'The id of a snapshot, as `/repositories` and links of pages have it: 410 where it is not held any more. Empty is the latest.',
    ),
  embed: z
    .string()
    .describe(
      'How many levels of resources to embed: a whole number; `true`, `yes`, `t`, `y` are all of them, and anything else none.',
    ),
  links: z.string().describe('Whether `_links` come: `true`, `yes`, `t`, `y`, `1`. Anything else is no.'),
  [EXACT_PARAMETER]: z
    .string()
    .describe('Given, with whatever value, it says that the first segment is the whole name of the repository.'),
};

const PATH = {
  repository: 'The whole name of a repository',
  tag: 'The name of a tag',
  path: 'The whole path of a namespace',
  digest: 'The digest of a blob',
  file: 'The name of a file',
} as const;

const HEADERS = {
  'If-None-Match': z.string().describe('The `ETag` of what the client has: where it still is so, the answer is 304.'),
  'X-Request-Id': z.string().describe('Names the request in its answer and in the log; one is made where it is none.'),
};

export type ParameterName = keyof typeof QUERY | keyof typeof PATH | keyof typeof HEADERS | `order_by_${OrderSet}`;

/** `components/parameters`. @param examples names that there are in the examples */
export function parameterComponents(examples: Readonly<Record<keyof typeof PATH, string>>): Json {
  const orders = Object.entries(ORDERS).map(([set, names]) => {
    const schema = z.enum(names).describe('What the members are put in order by.');
    return [`order_by_${set}`, parameter('query', 'order_by', schema)] as const;
  });
  const paths = Object.entries(PATH).map(([name, what]) => {
    const description = `${what}: one percent-encoded segment, in which a slash is \`%2F\`.`;
    const schema = z.string().min(1).describe(description);
    return [
      name,
      { ...parameter('path', name, schema), required: true, example: examples[name as keyof typeof PATH] },
    ] as const;
  });
  return {
    ...Object.fromEntries(Object.entries(QUERY).map(([name, schema]) => [name, parameter('query', name, schema)])),
    ...Object.fromEntries(orders),
    ...Object.fromEntries(paths),
    ...Object.fromEntries(Object.entries(HEADERS).map(([name, schema]) => [name, parameter('header', name, schema)])),
  };
}

export function parameterNamed(name: ParameterName): Json {
  return { $ref: `#/components/parameters/${name}` };
}

/** What everything takes that is of a snapshot. */
export const RESOURCE_PARAMETERS: readonly ParameterName[] = ['embed', 'links', 'snapshot', 'If-None-Match'];

/** What every collection takes. */
export function listParameters(orders: OrderSet): readonly ParameterName[] {
  return ['search', `order_by_${orders}`, 'sort', 'page', 'per_page', ...RESOURCE_PARAMETERS];
}

function parameter(place: 'query' | 'path' | 'header', name: string, schema: z.ZodType): Json {
  const { $schema, description, ...rest } = z.toJSONSchema(schema);
  return { name, in: place, description, schema: rest };
}

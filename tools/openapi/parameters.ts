/* The parameters of the OpenAPI document. */

import { z } from 'zod';
import {
  DEFAULT_PER_PAGE,
  MAX_PAGE,
  MAX_PER_PAGE,
  MAX_SEARCH_LENGTH,
} from '../../src/api/collections/query/list-query.ts';
import { EXACT_PARAMETER } from '../../src/api/hal/links.ts';

/** A JSON object of the document. */
export type Json = Readonly<Record<string, unknown>>;

const QUERY = {
  search: z
    .string()
    .max(MAX_SEARCH_LENGTH)
    .describe(
      'Only members that match. A word must occur in the name; a word with `*` or `?` is a glob for the whole name; `repo:tag` applies to the repository and the tag; `/re2/` is a regular expression. `AND`, `OR`, `NOT`, parentheses and quotation marks combine terms, and several terms must all match. Case is ignored.',
    ),
  sort: z.enum(['asc', 'desc']).describe('The default is `asc` for names, and `desc` for numbers and times.'),
  page: z.int().min(1).max(MAX_PAGE).describe('The number of the page.'),
  per_page: z
    .int()
    .min(1)
    .max(MAX_PER_PAGE)
    .describe(
      `The number of members per page. With \`page\` alone, the default is ${DEFAULT_PER_PAGE}. Without both, the response holds the whole collection, except \`/tags\` and \`/blobs\` as HAL, which are paged.`,
    ),
  snapshot: z
    .string()
    .describe(
      'The id of a snapshot, from `/repositories` or a page link. 410 if the server no longer holds that snapshot. An empty value means the latest.',
    ),
  embed: z
    .string()
    .describe(
      'The number of levels of resources to embed. `true`, `yes`, `t` and `y` embed all levels; any other value embeds none.',
    ),
  links: z.string().describe('Adds `_links` if the value is `true`, `yes`, `t`, `y` or `1`.'),
  [EXACT_PARAMETER]: z
    .string()
    .describe('If present, with any value, the first path segment is the whole repository name.'),
};

const PATH = {
  repository: 'The full name of a repository',
  tag: 'The name of a tag',
  path: 'The full path of a namespace',
  digest: 'The digest of a blob',
  file: 'The name of a file',
} as const;

const HEADERS = {
  'If-None-Match': z
    .string()
    .describe('The `ETag` of the copy that the client has. If it is still current, the server answers 304.'),
  'X-Request-Id': z
    .string()
    .describe(
      'Identifies the request in the response and in the log. If it is missing or not valid, the server generates one.',
    ),
};

/**
 * Returns `components/parameters`.
 *
 * @param examples existing names, by path parameter
 */
export function parameterComponents(examples: Readonly<Record<keyof typeof PATH, string>>): Json {
  const paths = Object.entries(PATH).map(([name, what]) => {
    const description = `${what}, as one percent-encoded path segment: a slash is \`%2F\`.`;
    const schema = z.string().min(1).describe(description);
    return [
      name,
      { ...parameter('path', name, schema), required: true, example: examples[name as keyof typeof PATH] },
    ] as const;
  });
  return {
    ...Object.fromEntries(Object.entries(QUERY).map(([name, schema]) => [name, parameter('query', name, schema)])),
    ...Object.fromEntries(paths),
    ...Object.fromEntries(Object.entries(HEADERS).map(([name, schema]) => [name, parameter('header', name, schema)])),
  };
}

export function parameterNamed(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}

/** The parameters of every resource of a snapshot. */
export const RESOURCE_PARAMETERS = ['embed', 'links', 'snapshot', 'If-None-Match'];

/** Returns the parameter `order_by` of a collection. */
export function orderParameter(orders: readonly string[]): Json {
  return parameter('query', 'order_by', z.enum(orders).describe('The field to sort the members by.'));
}

function parameter(place: 'query' | 'path' | 'header', name: string, schema: z.ZodType): Json {
  const { $schema, description, ...rest } = z.toJSONSchema(schema);
  return { name, in: place, description, schema: rest };
}

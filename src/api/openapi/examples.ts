/* The examples of the OpenAPI document. A test asks a running service for each of them, and compares what comes. */

import { BLOBS_EXAMPLES } from './examples-blobs.ts';
import { FRONT_EXAMPLES } from './examples-front.ts';
import { NAMESPACES_EXAMPLES } from './examples-namespaces.ts';
import { PROBLEMS_EXAMPLES } from './examples-problems.ts';
import { REPOSITORIES_EXAMPLES } from './examples-repositories.ts';
import { TAGS_EXAMPLES } from './examples-tags.ts';

export interface Example {
  readonly name: string;
  readonly operationId: string;
  readonly status: number;
  readonly mediaType: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** False: it is asked for without a token, or with whatever `headers` have. */
  readonly token?: false;
  readonly body?: string;
  /** What the service is in the middle of; left out where it just has a snapshot. */
  readonly when?: 'before' | 'failing' | 'collecting' | 'resting' | 'busy';
  /** With `{prefix}` where a path begins, and `{version}`. */
  readonly value: unknown;
}

export const EXAMPLES: readonly Example[] = [
  ...REPOSITORIES_EXAMPLES,
  ...TAGS_EXAMPLES,
  ...NAMESPACES_EXAMPLES,
  ...BLOBS_EXAMPLES,
  ...FRONT_EXAMPLES,
  ...PROBLEMS_EXAMPLES,
];

/** Names in the registry that the examples are of. */
export const EXAMPLE_NAMES = {
  repository: 'group/app',
  tag: '1.0',
  path: 'group',
  file: 'page.js',
  digest: 'sha256:0000000000000000000000000000000000000000000000000000000062617365',
} as const;

/** What a service of that version answers below that prefix. */
export function valueBelow(
  { prefix, version }: { readonly prefix: string; readonly version: string },
  value: unknown,
): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('{prefix}', prefix).replaceAll('{version}', version));
}

import { readFileSync } from 'node:fs';

/* The examples of the OpenAPI document: requests and their responses, in JSON files. A test sends each request to a service with the content of
 * test/support/described-server.ts and compares the response. */

export interface Example {
  readonly name: string;
  readonly operationId: string;
  readonly status: number;
  readonly mediaType: string;
  readonly method: 'GET' | 'POST';
  /** Below the prefix. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** False: the request carries no token, unless `headers` have one. */
  readonly token?: false;
  readonly body?: string;
  /** The state of the service; by default it has a snapshot and no crawl is running. */
  readonly when?: 'before' | 'failing' | 'collecting' | 'resting' | 'busy';
  /** The response body, with `{prefix}` at the start of each path, and `{version}`. */
  readonly value: unknown;
}

const FILES = ['repositories', 'tags', 'namespaces', 'blobs', 'entry-point', 'problems'];

export const EXAMPLES: readonly Example[] = FILES.flatMap((name) =>
  JSON.parse(readFileSync(new URL(`./examples/${name}.json`, import.meta.url), 'utf8')),
);

/** Names that exist in the registry of the examples, by path parameter. */
export const EXAMPLE_NAMES = {
  repository: 'group/app',
  tag: '1.0',
  path: 'group',
  file: 'page.js',
  digest: 'sha256:0000000000000000000000000000000000000000000000000000000062617365',
} as const;

import type { Json } from './parameters.ts';

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly [Tag];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Json[];
  readonly responses: Json;
  readonly requestBody?: Json;
  /** If undefined, the operation needs a token from `/auth_token`. */
  readonly security?: readonly Json[];
}

export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** The groups of operations. */
export type Tag = keyof typeof TAGS;
export const TAGS = {
  start: 'The entry point, this document, and tokens.',
  tree: 'Namespaces, repositories and tags: their sizes, and the bytes that deleting each would free.',
  blobs: 'The layers, configs and manifests of tags.',
  crawl: 'The crawl of the registry, and its gaps.',
  operations: 'Endpoints for health probes, Prometheus and the registry.',
} as const;

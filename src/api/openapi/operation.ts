import type { Json } from './parameters.ts';

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly [Tag];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Json[];
  readonly responses: Json;
  readonly requestBody?: Json;
  /** Without it, a token is needed. */
  readonly security?: readonly Json[];
}

export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** What the operations are sorted by. */
export type Tag = keyof typeof TAGS;
export const TAGS = {
  'way in': 'The entry point, this document, and tokens.',
  tree: 'Namespaces, repositories and tags: how big each is, and what deleting it would free.',
  blobs: 'What tags are made of.',
  collection: 'How the registry is read, and what could not be.',
  operation: 'For probes, Prometheus, and the registry itself.',
} as const;

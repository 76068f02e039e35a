import { z } from 'zod';
import { blob, blobOfList, blobs, tagBlob, tagBlobs } from '../../src/api/schemas/blobs.ts';
import { checks, collection, gap, gaps, live, ready } from '../../src/api/schemas/crawl.ts';
import { authToken, choices, entryPoint, envelope, notReady, problem } from '../../src/api/schemas/entry-point.ts';
import { link, template } from '../../src/api/schemas/schema-parts.ts';
import {
  allTags,
  holder,
  inside,
  namespace,
  namespaceLine,
  namespaces,
  nothingYet,
  repositories,
  repository,
  repositoryLine,
  tag,
  tags,
} from '../../src/api/schemas/tree.ts';
import type { Json } from './parameters.ts';

/** The schemas, by their name in the document. */
const SCHEMAS = {
  Link: link,
  LinkTemplate: template,
  EntryPoint: entryPoint,
  AuthToken: authToken,
  Repositories: repositories,
  Repository: repository,
  RepositoryLine: repositoryLine,
  Tags: tags,
  Tag: tag,
  AllTags: allTags,
  TagOfRepository: holder,
  Namespaces: namespaces,
  Namespace: namespace,
  Inside: inside,
  NamespaceLine: namespaceLine,
  Blobs: blobs,
  Blob: blob,
  BlobOfList: blobOfList,
  TagBlobs: tagBlobs,
  TagBlob: tagBlob,
  Gaps: gaps,
  Gap: gap,
  Collection: collection,
  NothingYet: nothingYet,
  Choices: choices,
  Live: live,
  Ready: ready,
  Checks: checks,
  NotReady: notReady,
  Problem: problem,
  Envelope: envelope,
} as const;

export type SchemaName = keyof typeof SCHEMAS;

/** Returns `components/schemas`, in JSON Schema 2020-12 as OpenAPI 3.1 requires. */
export function schemaComponents(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => schemaNamed(id as SchemaName).$ref });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

export function schemaNamed(name: SchemaName): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

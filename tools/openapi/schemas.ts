import { z } from 'zod';
import type { ResourceDescriptor } from '../../src/api/collections/descriptor.ts';
import { checks, crawl, live, ready } from '../../src/api/schemas/crawl.ts';
import { authToken, choices, entryPoint, envelope, notReady, problem } from '../../src/api/schemas/entry-point.ts';
import { link, template } from '../../src/api/schemas/schema-parts.ts';
import { children, nothingYet } from '../../src/api/schemas/tree.ts';
import type { Json } from './parameters.ts';

/** The schemas that no descriptor names, by their name in the document. */
const SCHEMAS = {
  Link: link,
  LinkTemplate: template,
  AuthToken: authToken,
  Inside: children,
  Collection: crawl,
  NothingYet: nothingYet,
  Choices: choices,
  Live: live,
  Ready: ready,
  Checks: checks,
  NotReady: notReady,
  Problem: problem,
  Envelope: envelope,
} as const;

/** Returns `components/schemas`, in JSON Schema 2020-12 as OpenAPI 3.1 requires. */
export function schemaComponents(resources: readonly ResourceDescriptor[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  registry.add(entryPoint(resources.map(({ relation }) => relation)), { id: 'EntryPoint' });
  for (const { name, schema } of resources.flatMap(schemasOf)) registry.add(schema, { id: name });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => schemaNamed(id).$ref });
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema, $id, ...schema }]) => [id, schema]));
}

function schemasOf(descriptor: ResourceDescriptor) {
  return [descriptor.schema, ...(descriptor.kind === 'collection' ? descriptor.memberSchemas : [])];
}

export function schemaNamed(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` };
}

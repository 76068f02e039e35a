/* The operations on the resources of a snapshot, derived from their descriptors. */

import type { CollectionDescriptor, NamedSchema, ResourceDescriptor } from '../../src/api/collections/descriptor.ts';
import { CONTENT_TYPES } from '../../src/api/collections/output/output-format.ts';
import { parametersIn } from '../../src/api/route-table.ts';
import { bare } from '../../src/domain/manifest/media-types.ts';
import { HAL } from '../../src/http/bodies/send-body.ts';
import type { Operation, Paths } from './operation.ts';
import { type Json, orderParameter, parameterNamed, RESOURCE_PARAMETERS } from './parameters.ts';
import {
  ALWAYS,
  ANYWHERE,
  ENCODED,
  json,
  NOT_MODIFIED,
  PAGED,
  type ProblemStatus,
  problems,
  response,
} from './responses.ts';
import { schemaNamed } from './schemas.ts';

export function resourcePaths(resources: readonly ResourceDescriptor[]): Paths {
  return Object.fromEntries(resources.map((one) => [one.path, { get: operationOf(one) }]));
}

function operationOf(descriptor: ResourceDescriptor): Operation {
  const { path, operation } = descriptor;
  const names = parametersIn(path);
  return {
    operationId: operation.id,
    tags: [operation.section],
    summary: operation.summary,
    parameters: [
      ...names.map(parameterNamed),
      ...(names.includes('repository') ? [parameterNamed('exact')] : []),
      ...(descriptor.kind === 'collection' ? listParameters(descriptor) : []),
      ...[...RESOURCE_PARAMETERS, 'X-Request-Id'].map(parameterNamed),
    ],
    responses: {
      200: success(descriptor, names),
      304: NOT_MODIFIED,
      ...(names.includes('repository') && { 300: CHOICES }),
      // Without names, a resource exists before the first snapshot.
      ...problems([...ANYWHERE, 401, 410, 429, 503, ...(names.length === 0 ? [] : BELOW)]),
    },
  };
}

const BELOW: readonly ProblemStatus[] = [404];
const CHOICES = response(
  'Multiple Choices. The path is ambiguous; the response links to each resource that it may mean.',
  [...ALWAYS, 'Vary'],
  { [HAL]: json('Choices') },
);

function listParameters({ orders }: CollectionDescriptor): readonly Json[] {
  const others = (['sort', 'page', 'per_page'] as const).map(parameterNamed);
  return [parameterNamed('search'), orderParameter(Object.keys(orders)), ...others];
}

function success(descriptor: ResourceDescriptor, names: readonly string[]): Json {
  const { schema } = descriptor;
  if (descriptor.kind === 'single') return response('The resource.', ENCODED, { [HAL]: json(schema.name) });
  const hal =
    names.length > 0 ? schemaNamed(schema.name) : { anyOf: [schemaNamed(schema.name), schemaNamed('NothingYet')] };
  const line = lineSchema(descriptor.memberSchemas);
  return response('The whole collection, or a page of it.', [...ENCODED, ...PAGED], {
    [HAL]: { schema: hal },
    [CONTENT_TYPES.ndjson]: { schema: { type: 'string', description: 'One member per line.' }, 'x-line': line },
    [bare(CONTENT_TYPES.csv)]: { schema: { type: 'string', description: 'RFC 4180, with a header line.' } },
  });
}

function lineSchema(members: readonly NamedSchema[]): Json {
  const [one, ...others] = members.map(({ name }) => schemaNamed(name));
  return one !== undefined && others.length === 0 ? one : { anyOf: [one, ...others] };
}

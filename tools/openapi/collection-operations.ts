/* The operations on the resources of a snapshot, for the OpenAPI document. */

import { CONTENT_TYPES } from '../../src/api/collections/output-format.ts';
import { bare } from '../../src/domain/manifest/media-types.ts';
import { HAL } from '../../src/http/bodies/send-body.ts';
import type { Operation, Paths, Tag } from './operation.ts';
import {
  type Json,
  listParameters,
  type OrderSet,
  type ParameterName,
  parameterNamed,
  RESOURCE_PARAMETERS,
} from './parameters.ts';
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
import { type SchemaName, schemaNamed } from './schemas.ts';

export function resourcePaths(): Paths {
  return {
    ...treePaths(),
    ...blobPaths(),
    '/gaps': {
      get: listing('listGaps', 'collection', 'The gaps: what the last crawl could not read', {
        orders: 'gap',
        schema: 'Gaps',
        lines: ['Gap'],
      }),
    },
  };
}

function treePaths(): Paths {
  const repository = '/repositories/{repository}';
  return {
    '/repositories': {
      get: listing('listRepositories', 'tree', 'The whole registry and its repositories', {
        orders: 'node',
        schema: 'Repositories',
        lines: ['Repository'],
      }),
    },
    [repository]: { get: resource('getRepository', 'A repository', 'Repository', ['repository']) },
    [`${repository}/tags`]: {
      get: listing('listTags', 'tree', 'The tags of a repository', {
        orders: 'tag',
        schema: 'Tags',
        lines: ['Tag'],
        path: ['repository'],
      }),
    },
    [`${repository}/tags/{tag}`]: { get: resource('getTag', 'A tag', 'Tag', ['repository', 'tag']) },
    '/tags': {
      get: listing('listAllTags', 'tree', 'The tags of all repositories', {
        orders: 'tag',
        schema: 'AllTags',
        lines: ['TagOfRepository'],
      }),
    },
    '/namespaces': {
      get: listing('listNamespaces', 'tree', 'The whole registry, and its top-level namespaces and repositories', {
        orders: 'node',
        schema: 'Namespaces',
        lines: ['NamespaceLine', 'RepositoryLine'],
      }),
    },
    '/namespaces/{path}': {
      get: listing('getNamespace', 'tree', 'A namespace, and the namespaces and repositories directly below it', {
        orders: 'node',
        schema: 'Namespace',
        lines: ['NamespaceLine', 'RepositoryLine'],
        path: ['path'],
      }),
    },
  };
}

function blobPaths(): Paths {
  return {
    '/repositories/{repository}/tags/{tag}/blobs': {
      get: listing('listTagBlobs', 'blobs', 'The blobs of a tag', {
        orders: 'blob',
        schema: 'TagBlobs',
        lines: ['TagBlob'],
        path: ['repository', 'tag'],
      }),
    },
    '/blobs': {
      get: listing('listBlobs', 'blobs', 'All blobs that tags reach, largest first', {
        orders: 'blob',
        schema: 'Blobs',
        lines: ['BlobOfList'],
      }),
    },
    '/blobs/{digest}': {
      get: listing('getBlob', 'blobs', 'A blob and the tags that reach it', {
        orders: 'tag',
        schema: 'Blob',
        lines: ['TagOfRepository'],
        path: ['digest'],
      }),
    },
  };
}

interface ListingOptions {
  readonly orders: OrderSet;
  readonly schema: SchemaName;
  /** The schemas of a line of NDJSON. */
  readonly lines: readonly SchemaName[];
  /** The parameters in its path. A collection without any exists before the first snapshot, without members. */
  readonly path?: readonly ParameterName[];
}

function listing(operationId: string, tag: Tag, summary: string, options: ListingOptions): Operation {
  const { orders, schema, lines, path = [] } = options;
  const line = lines.length === 1 ? schemaNamed(lines[0] as SchemaName) : { anyOf: lines.map(schemaNamed) };
  const hal = path.length > 0 ? schemaNamed(schema) : { anyOf: [schemaNamed(schema), schemaNamed('NothingYet')] };
  return {
    operationId,
    tags: [tag],
    summary,
    parameters: parametersOf(path, listParameters(orders)),
    responses: {
      200: response('The whole collection, or a page of it.', [...ENCODED, ...PAGED], {
        [HAL]: { schema: hal },
        [CONTENT_TYPES.ndjson]: { schema: { type: 'string', description: 'One member per line.' }, 'x-line': line },
        [bare(CONTENT_TYPES.csv)]: { schema: { type: 'string', description: 'RFC 4180, with a header line.' } },
      }),
      304: NOT_MODIFIED,
      ...others(path),
    },
  };
}

function resource(operationId: string, summary: string, schema: SchemaName, path: readonly ParameterName[]): Operation {
  return {
    operationId,
    tags: ['tree'],
    summary,
    parameters: parametersOf(path, RESOURCE_PARAMETERS),
    responses: {
      200: response('The resource.', ENCODED, { [HAL]: json(schema) }),
      304: NOT_MODIFIED,
      ...others(path),
    },
  };
}

function parametersOf(path: readonly ParameterName[], others: readonly ParameterName[]): readonly Json[] {
  const exact = path.includes('repository') ? (['exact'] as const) : [];
  return [...path, ...exact, ...others, 'X-Request-Id' as const].map(parameterNamed);
}

function others(path: readonly ParameterName[]): Json {
  const below: readonly ProblemStatus[] = path.length === 0 ? [] : [404, 503];
  const choice = response(
    'Multiple Choices. The path is ambiguous; the response links to each resource that it may mean.',
    [...ALWAYS, 'Vary'],
    {
      [HAL]: json('Choices'),
    },
  );
  return {
    ...(path.includes('repository') && { 300: choice }),
    ...problems([...ANYWHERE, 401, 410, 429, ...below]),
  };
}

/* What can be asked, path by path, for the OpenAPI document. */

import { openMetricsContentType, prometheusContentType } from '@prometheus-io/client';
import { bare } from '../../domain/manifest/media-types.ts';
import { HAL } from '../../http/bodies/send-body.ts';
import { resourcePaths } from './collection-operations.ts';
import type { Operation, Paths, Tag } from './operation.ts';
import { type Json, parameterNamed } from './parameters.ts';
import { ALWAYS, ANYWHERE, ENCODED, json, LIMITS, NOT_MODIFIED, problem, problems, response } from './responses.ts';
import { type SchemaName, schemaNamed } from './schemas.ts';

/** For what is not of the registry. */
const NO_TOKEN: readonly Json[] = [];

/** Every path below the prefix, with what may be asked of it. */
export function operationPaths(): Paths {
  return { ...wayIn(), ...page(), ...resourcePaths(), ...collection(), ...operation() };
}

function wayIn(): Paths {
  const token = {
    tags: ['way in'],
    parameters: [parameterNamed('X-Request-Id')],
    security: [{ password: [] }],
    responses: {
      200: response('A token.', [...ALWAYS, ...LIMITS], { 'application/json': json('AuthToken') }),
      ...problems([...ANYWHERE, 401, 429, 503]),
    },
  } as const;
  const properties = { openapi: { type: 'string' }, info: { type: 'object' }, paths: { type: 'object' } };
  const document = { schema: { type: 'object', properties, required: Object.keys(properties) } };
  return {
    '/': { get: cached('getEntryPoint', 'way in', 'Where everything else is found', { [HAL]: json('EntryPoint') }) },
    '/openapi.json': {
      get: cached('getOpenApi', 'way in', 'This document', { 'application/json': document }),
    },
    '/auth_token': {
      get: { operationId: 'getAuthToken', summary: 'A token for a name and a password', ...token },
      post: {
        operationId: 'createAuthToken',
        summary: 'The same, kept by no cache and repeated by no proxy',
        description: 'A body is not looked at.',
        ...token,
      },
    },
  };
}

/** The page for people, and its files. */
function page(): Paths {
  const of = (...types: readonly string[]): Json =>
    Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }]));
  const file = cached('getDocsFile', 'way in', 'A file of that page', of('text/html', 'text/javascript', 'text/css'));
  return {
    '/docs': { get: cached('getDocs', 'way in', 'The same for people: a page', of('text/html')) },
    '/docs/{file}': {
      get: {
        ...file,
        parameters: [parameterNamed('file'), ...file.parameters],
        responses: { ...file.responses, ...problems([404]) },
      },
    },
  };
}

function cached(operationId: string, tag: Tag, summary: string, content: Json): Operation {
  return {
    operationId,
    tags: [tag],
    summary,
    parameters: (['If-None-Match', 'X-Request-Id'] as const).map(parameterNamed),
    security: NO_TOKEN,
    responses: {
      200: response('What was asked for.', ENCODED, content),
      304: NOT_MODIFIED,
      ...problems([...ANYWHERE, 429]),
    },
  };
}

function collection(): Paths {
  const state = { [HAL]: json('Collection') };
  return {
    '/collection': {
      get: {
        operationId: 'getCollection',
        tags: ['collection'],
        summary: 'What goes on, how the last collection went, when the next one is',
        parameters: [parameterNamed('X-Request-Id')],
        responses: {
          200: response('What was asked for.', [...ALWAYS, ...LIMITS], state),
          ...problems([...ANYWHERE, 401, 429]),
        },
      },
      post: {
        operationId: 'startCollection',
        tags: ['collection'],
        summary: 'Starts a collection now',
        parameters: [parameterNamed('X-Request-Id')],
        responses: {
          202: response('It has begun.', [...ALWAYS, ...LIMITS, 'Location'], state),
          ...problems([...ANYWHERE, 401, 409, 429]),
        },
      },
    },
  };
}

function operation(): Paths {
  const probe = (operationId: string, summary: string, schema: SchemaName, others: Json): Operation => ({
    operationId,
    tags: ['operation'],
    summary,
    parameters: [parameterNamed('X-Request-Id')],
    security: NO_TOKEN,
    responses: { 200: response('Yes.', ALWAYS, { 'application/json': json(schema) }), ...others },
  });
  // Probes come for whatever host, and are in nobody's way.
  const always = problems(ANYWHERE.filter((status) => status !== 421));
  return {
    '/health/live': { get: probe('isLive', 'Whether the service answers', 'Live', always) },
    '/health/ready': {
      get: probe('isReady', 'Whether there is something to answer from', 'Ready', {
        ...always,
        503: problem(503, 'NotReady'),
      }),
    },
    '/metrics': { get: metrics() },
    '/events': { post: events() },
  };
}

function metrics(): Operation {
  const series = { schema: { type: 'string' } };
  return {
    operationId: 'getMetrics',
    tags: ['operation'],
    summary: 'For Prometheus',
    description: 'EmbedOptions the token of the section [metrics], where one is set. 404 where metrics are off.',
    parameters: [parameterNamed('X-Request-Id')],
    security: [{}, { metricsToken: [] }],
    responses: {
      200: response('All series, as `Accept` prefers them.', [...ALWAYS, ...LIMITS], {
        [bare(prometheusContentType)]: series,
        [bare(openMetricsContentType)]: series,
      }),
      ...problems([...ANYWHERE, 401, 404, 429]),
    },
  };
}

function events(): Operation {
  const body = { schema: schemaNamed('Envelope') };
  return {
    operationId: 'notify',
    tags: ['operation'],
    summary: 'Takes what a registry notifies of',
    description: 'EmbedOptions the secret of the section [events], bare or as a bearer token. 404 where none is set.',
    parameters: [parameterNamed('X-Request-Id')],
    security: [{ eventsSecret: [] }],
    requestBody: {
      required: true,
      content: {
        'application/vnd.docker.distribution.events.v1+json': body,
        'application/vnd.docker.distribution.events.v2+json': body,
        'application/json': body,
      },
    },
    responses: { 202: response('Taken.', ['X-Request-Id']), ...problems([...ANYWHERE, 401, 404]) },
  };
}

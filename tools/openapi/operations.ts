/* The operations of the OpenAPI document, by path. */

import { openMetricsContentType, prometheusContentType } from '@prometheus-io/client';
import type { ResourceDescriptor } from '../../src/api/collections/descriptor.ts';
import { bare } from '../../src/domain/manifest/media-types.ts';
import { HAL } from '../../src/http/bodies/send-body.ts';
import type { Operation, Paths, Tag } from './operation.ts';
import { type Json, parameterNamed } from './parameters.ts';
import { resourcePaths } from './resource-operations.ts';
import { ALWAYS, ANYWHERE, ENCODED, json, LIMITS, NOT_MODIFIED, problem, problems, response } from './responses.ts';
import { schemaNamed } from './schemas.ts';

/** The `security` of operations without a token. */
const NO_TOKEN: readonly Json[] = [];

/** Returns the operations of every path below the prefix. */
export function operationPaths(resources: readonly ResourceDescriptor[]): Paths {
  return { ...wayIn(), ...page(), ...resourcePaths(resources), ...crawl(), ...operation() };
}

function wayIn(): Paths {
  const token = {
    tags: ['start'],
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
    '/': {
      get: cached('getEntryPoint', 'start', 'The entry point: links to all resources', { [HAL]: json('EntryPoint') }),
    },
    '/openapi.json': {
      get: cached('getOpenApi', 'start', 'This OpenAPI document', { 'application/json': document }),
    },
    '/auth_token': {
      get: { operationId: 'getAuthToken', summary: 'A token, for a user name and a password', ...token },
      post: {
        operationId: 'createAuthToken',
        summary: 'A token, for a user name and a password',
        description:
          'The same as `GET`. Caches do not store the response, and proxies do not repeat the request. The server ignores the request body.',
        ...token,
      },
    },
  };
}

/** The documentation page and its files. */
function page(): Paths {
  const of = (...types: readonly string[]): Json =>
    Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }]));
  const file = cached(
    'getDocsFile',
    'start',
    'A file of the documentation page',
    of('text/html', 'text/javascript', 'text/css'),
  );
  return {
    '/docs': { get: cached('getDocs', 'start', 'The documentation page', of('text/html')) },
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
      200: response('The resource.', ENCODED, content),
      304: NOT_MODIFIED,
      ...problems([...ANYWHERE, 429]),
    },
  };
}

function crawl(): Paths {
  const state = { [HAL]: json('Collection') };
  return {
    '/collection': {
      get: {
        operationId: 'getCollection',
        tags: ['crawl'],
        summary: 'The state of the crawl: progress, last failure, next run',
        parameters: [parameterNamed('X-Request-Id')],
        responses: {
          200: response('The resource.', [...ALWAYS, ...LIMITS], state),
          ...problems([...ANYWHERE, 401, 429]),
        },
      },
      post: {
        operationId: 'startCollection',
        tags: ['crawl'],
        summary: 'Starts a crawl now',
        parameters: [parameterNamed('X-Request-Id')],
        responses: {
          202: response('The crawl has started.', [...ALWAYS, ...LIMITS, 'Location'], state),
          ...problems([...ANYWHERE, 401, 409, 429]),
        },
      },
    },
  };
}

function operation(): Paths {
  const probe = (operationId: string, summary: string, schema: string, others: Json): Operation => ({
    operationId,
    tags: ['operations'],
    summary,
    parameters: [parameterNamed('X-Request-Id')],
    security: NO_TOKEN,
    responses: { 200: response('Success.', ALWAYS, { 'application/json': json(schema) }), ...others },
  });
  // Probes skip the host check and the request limits.
  const always = problems(ANYWHERE.filter((status) => status !== 421));
  return {
    '/health/live': { get: probe('isLive', 'Reports that the service runs', 'Live', always) },
    '/health/ready': {
      get: probe('isReady', 'Reports whether the service has a snapshot', 'Ready', {
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
    tags: ['operations'],
    summary: 'Metrics for Prometheus',
    description:
      'Needs the token from section [metrics] of the configuration, if one is set. 404 if metrics are disabled.',
    parameters: [parameterNamed('X-Request-Id')],
    security: [{}, { metricsToken: [] }],
    responses: {
      200: response(
        'All metrics, in the Prometheus text format or as OpenMetrics, by `Accept`.',
        [...ALWAYS, ...LIMITS],
        {
          [bare(prometheusContentType)]: series,
          [bare(openMetricsContentType)]: series,
        },
      ),
      ...problems([...ANYWHERE, 401, 404, 429]),
    },
  };
}

function events(): Operation {
  const body = { schema: schemaNamed('Envelope') };
  return {
    operationId: 'notify',
    tags: ['operations'],
    summary: 'Receives notifications from the registry',
    description:
      'Needs the secret from section [events] of the configuration, bare or as a bearer token. 404 if no secret is set.',
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
    responses: { 202: response('Accepted.', ['X-Request-Id']), ...problems([...ANYWHERE, 401, 404]) },
  };
}

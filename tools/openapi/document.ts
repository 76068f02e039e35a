import type { ResourceDescriptor } from '../../src/api/collections/descriptor.ts';
import { RESOURCES } from '../../src/api/collections/resources.ts';
import { PRODUCT } from '../../src/api/hal/entry-point.ts';
import { EXAMPLE_NAMES, EXAMPLES, type Example } from './examples.ts';
import { type Operation, type Paths, TAGS } from './operation.ts';
import { operationPaths } from './operations.ts';
import { type Json, parameterComponents } from './parameters.ts';
import { HEADER_COMPONENTS, type ProblemStatus, problem, problemComponents } from './responses.ts';
import { schemaComponents } from './schemas.ts';

/**
 * Assembles the OpenAPI 3.1.1 document of the HTTP API from the schemas that type its responses. `{version}` and `{prefix}` stand where the service
 * fills in its own.
 */
export function openApiDocument(resources: readonly ResourceDescriptor[] = RESOURCES): Json {
  const paths = withExamples(operationPaths(resources));
  return {
    openapi: '3.1.1',
    info: {
      title: PRODUCT,
      version: '{version}',
      summary: 'Shows what uses the disk of a container registry, and how much a deletion would free',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the document's own URL, so that it also holds behind a proxy that strips the prefix.
    servers: [{ url: '.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      schemas: schemaComponents(resources),
      parameters: parameterComponents(EXAMPLE_NAMES),
      headers: HEADER_COMPONENTS,
      responses: problemComponents(JSON.stringify(paths)),
      securitySchemes: SECURITY,
    },
  };
}

const DESCRIPTION = [
  'Bodies are HAL (`application/hal+json`). Collections are also available as CSV and NDJSON, by `Accept`. If the server does not know the `Accept` value, it answers with HAL.',
  'A name, a path or a digest is one percent-encoded path segment. The server ignores unknown query parameters.',
  'Every path that supports `GET` also supports `HEAD`. Every path supports `OPTIONS` (200 with `Allow`, no token needed). Other methods get 405 with `Allow`.',
  'Sizes are compressed bytes, as stored. `null` means unknown; it never means 0.',
].join('\n\n');

const SECURITY = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token from `/auth_token`.' },
  password: {
    type: 'http',
    scheme: 'basic',
    description: 'The name and password of a user who may sign in, in UTF-8.',
  },
  eventsSecret: {
    type: 'http',
    scheme: 'bearer',
    description: 'The secret from section [events] of the configuration.',
  },
  metricsToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token from section [metrics] of the configuration, if one is set.',
  },
} as const;

interface Response {
  readonly content?: Readonly<Record<string, Json>>;
}

function withExamples(paths: Paths): Json {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, withOwnExamples(operation)])),
    ]),
  );
}

function withOwnExamples(operation: Operation): Operation {
  const own = EXAMPLES.filter(({ operationId }) => operationId === operation.operationId);
  const responses: Record<string, unknown> = { ...operation.responses };
  for (const example of own) {
    const { status } = example;
    const response = (responses[status] ?? {}) as Response;
    // A reference to a shared problem response cannot carry examples of its own.
    responses[status] = withExample('content' in response ? response : problem(status as ProblemStatus), example);
  }
  return { ...operation, responses };
}

function withExample(response: Response, example: Example): Response {
  const { name, mediaType, value } = example;
  const content = response.content?.[mediaType] ?? {};
  const shown = { summary: requestLine(example), value };
  const examples = { ...(content['examples'] as Json | undefined), [name.replaceAll(' ', '-')]: shown };
  return { ...response, content: { ...response.content, [mediaType]: { ...content, examples } } };
}

/** The request of an example, such as `GET {prefix}/tags, Accept: text/csv`. */
function requestLine({ method, path, headers = {} }: Example): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`${method} {prefix}${path}`, ...lines].join(', ');
}

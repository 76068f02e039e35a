import { PRODUCT } from '../hal/entry-point.ts';
import { EXAMPLE_NAMES, EXAMPLES, type Example, valueBelow } from './examples.ts';
import { type Operation, type Paths, TAGS } from './operation.ts';
import { operationPaths } from './operations.ts';
import { type Json, parameterComponents } from './parameters.ts';
import { HEADER_COMPONENTS, type ProblemStatus, problem, problemComponents } from './responses.ts';
import { schemaComponents } from './schemas.ts';

/**
 * The description of everything that is answered here (OpenAPI 3.1.1), made of the schemas that type the answers.
 *
 * @param prefix '' or a path such as `/usage`: what the examples of requests begin with
 */
export function representOpenApi(prefix: string, version: string): Json {
  const paths = withExamples(operationPaths(), { prefix, version });
  return {
    openapi: '3.1.1',
    info: {
      title: PRODUCT,
      version,
      summary: 'What uses the disk of a container registry, and what a deletion would give back',
      description: DESCRIPTION,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to where the document is read, so that it holds behind a proxy that strips the prefix, too.
    servers: [{ url: '.' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      schemas: schemaComponents(),
      parameters: parameterComponents(EXAMPLE_NAMES),
      headers: HEADER_COMPONENTS,
      responses: problemComponents(JSON.stringify(paths)),
      securitySchemes: SECURITY,
    },
  };
}

const DESCRIPTION = [
  'Bodies are HAL (`application/hal+json`), and collections also CSV and NDJSON, by `Accept`. An `Accept` that is not known gets HAL.',
  'A name, a path or a digest is one percent-encoded segment. Parameters that are not described are passed over.',
  'Every path also answers `HEAD`, where it answers `GET`, and `OPTIONS` (200, with `Allow`, without a token); any other method is 405 with `Allow`.',
  'Sizes are in bytes, as they are stored: compressed. `null` is unknown, and never 0.',
].join('\n\n');

const SECURITY = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'What `/auth_token` gives.' },
  password: {
    type: 'http',
    scheme: 'basic',
    description: 'The name and password of a user who may sign in, in UTF-8.',
  },
  eventsSecret: { type: 'http', scheme: 'bearer', description: 'The secret of the section [events].' },
  metricsToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of the section [metrics], where one is set.',
  },
} as const;

interface Answer {
  readonly content?: Readonly<Record<string, Json>>;
}

type Place = Parameters<typeof valueBelow>[0];

function withExamples(paths: Paths, place: Place): Json {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, one]) => [method, withOwnExamples(one, place)])),
    ]),
  );
}

function withOwnExamples(operation: Operation, place: Place): Operation {
  const own = EXAMPLES.filter(({ operationId }) => operationId === operation.operationId);
  const responses: Record<string, unknown> = { ...operation.responses };
  for (const example of own) {
    const { status } = example;
    const answer = (responses[status] ?? {}) as Answer;
    responses[status] = withExample('content' in answer ? answer : problem(status as ProblemStatus), example, place);
  }
  return { ...operation, responses };
}

function withExample(answer: Answer, example: Example, place: Place): Answer {
  const { name, mediaType } = example;
  const content = answer.content?.[mediaType] ?? {};
  const shown = { summary: summaryOf(example, place), value: valueBelow(place, example.value) };
  const examples = { ...(content['examples'] as Json | undefined), [name.replaceAll(' ', '-')]: shown };
  return { ...answer, content: { ...answer.content, [mediaType]: { ...content, examples } } };
}

/** How it was asked for. */
function summaryOf({ method, path, headers = {} }: Example, { prefix }: Place): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${prefix}${path}`, ...lines].join(', ');
}

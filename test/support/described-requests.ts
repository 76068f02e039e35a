import fc from 'fast-check';
import { openApiDocument } from '../../src/api/openapi-endpoint.ts';
import type { Asked } from './described-check.ts';
import { type Described, documented, type Parameter, validatorOf } from './described-operations.ts';
import { describedSnapshot } from './described-server.ts';
import { EVENTS_SECRET, PASSWORD, PREFIX } from './server.ts';

export const document = openApiDocument(PREFIX, '1.0.0');
export const operations = documented(document);
const validate = validatorOf(document);
const snapshot = describedSnapshot();

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    '',
    '0',
    '-1',
    '1e3',
    'true',
    '..',
    '.',
    '/',
    '%',
    '%2F',
    '%00',
    '\u0000',
    '\ud800',
    'ä/ö',
    '__proto__',
    'a/tags',
    '😀',
  ),
  fc.string({ minLength: 600, maxLength: 700 }),
);
const encoded = odd.map((text) => encodeURIComponent(text.toWellFormed()));
/** Malformed escapes, and bytes that are not UTF-8. */
const broken = fc.constantFrom(
  '%',
  '%zz',
  '%ff%fe',
  'a%2',
  '%2F%2F',
  '+',
  'a;b',
  '%25252F',
  "'",
  '"<>"'.replaceAll('"', ''),
);
const names: Readonly<Record<string, readonly string[]>> = {
  repository: snapshot.repositories.map(({ name }) => name),
  tag: ['1.0', '1', 'latest', '2.0'],
  file: ['page.js', 'page.css', 'swagger-ui.css'],
  path: snapshot.namespaces.map(({ path }) => path),
  digest: [0, 1, 2, 3, 4].map((node) => snapshot.contents.graph.digests.at(node)),
};

function segment(name: string): fc.Arbitrary<string> {
  const known = fc.constantFrom(...(names[name] ?? [''])).map(encodeURIComponent);
  return fc.oneof({ weight: 6, arbitrary: known }, { weight: 1, arbitrary: encoded }, { weight: 1, arbitrary: broken });
}

/** Values that the schema allows. */
function valid({ name, schema }: Parameter): fc.Arbitrary<string> {
  const { enum: values, type, minimum = 0, maximum = 1 } = schema as Record<string, never>;
  if (values !== undefined) return fc.constantFrom(...(values as readonly string[]));
  if (type === 'integer') {
    return fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: minimum, max: maximum })).map(String);
  }
  if (name === 'embed' || name === 'links') return fc.constantFrom('1', '2', 'true', 'no', 'y', '0');
  if (name === 'snapshot') return fc.constant(snapshot.id);
  return fc.constantFrom('a', 'app', '*', 'group/*', '?', 'sha256');
}

const BASIC = Buffer.from(`alice:${PASSWORD}`).toString('base64');
const CREDENTIALS: Readonly<Record<string, string>> = {
  token: 'Bearer good',
  password: `Basic ${BASIC}`,
  eventsSecret: `Bearer ${EVENTS_SECRET}`,
  metricsToken: 'Bearer anything',
};

function credentialsOf({ security }: Described): readonly string[] {
  const named = security.flatMap((one) => Object.keys(one)).map((name) => CREDENTIALS[name] ?? '');
  return named.length === 0 ? [''] : named;
}

/** Characters that a header can contain, including unusual ones. */
const headerText = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((text) => text.trim());
const usual: Readonly<Record<string, readonly string[]>> = {
  accept: [
    'application/hal+json',
    'application/x-ndjson',
    'text/csv',
    '*/*',
    'undefined',
    'text/csv;q=0.1, application/json',
    'text/html',
    'application/openmetrics-text',
  ],
  'accept-encoding': ['gzip', 'br', 'zstd', 'identity;q=0', '*;q=0', 'gzip;q=0.5, br'],
  'if-none-match': ['*', '"a", W/"b"', '"'],
  'x-request-id': ['mine', ''],
  origin: ['https://page.example', 'null'],
  'x-forwarded-for': ['10.0.0.1, unknown'],
  range: ['bytes=0-1'],
  expect: ['100-continue', 'nothing'],
  'x-http-method-override': ['DELETE'],
};
const headers = fc.record(
  Object.fromEntries(
    Object.entries(usual).map(([name, values]) => [name, fc.oneof(fc.constantFrom(...values), headerText)]),
  ),
  { requiredKeys: [] },
) as fc.Arbitrary<Record<string, string>>;

const bodies = fc.oneof(
  { weight: 8, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc.record({
      body: fc.oneof(
        fc.json(),
        fc.string(),
        fc.constantFrom('{"events":[]}', '{"embed":1,"links":true}', '{"__proto__":{}}', '{'),
      ),
      type: fc.oneof(
        fc.constantFrom(
          'application/json',
          'application/vnd.docker.distribution.events.v1+json',
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          '',
        ),
        headerText,
      ),
    }),
  },
);

/** A request, and whether the document allows it. */
export interface Case extends Asked {
  readonly isPlain: boolean;
  readonly isQueryValid: boolean;
  readonly [fc.toStringMethod]: () => string;
}

function requestOf(operation: Described): fc.Arbitrary<Case> {
  const inPath = operation.parameters.filter((one) => one.in === 'path');
  const inQuery = operation.parameters.filter((one) => one.in === 'query');
  const query = fc.record(
    Object.fromEntries(
      inQuery.map((one) => [one.name, fc.oneof({ weight: 7, arbitrary: valid(one) }, { weight: 1, arbitrary: odd })]),
    ),
    { requiredKeys: [] },
  ) as fc.Arbitrary<Record<string, string>>;
  const authorization = fc.oneof(
    {
      weight: 10,
      arbitrary: fc.constantFrom(...credentialsOf(operation)),
    },
    {
      weight: 1,
      arbitrary: fc.oneof(fc.constantFrom('', 'Bearer', 'Bearer old', 'Basic !', 'Basic YQ=='), headerText),
    },
  );
  const needsNone = operation.security.length === 0;
  const path = fc.record(Object.fromEntries(inPath.map(({ name }) => [name, segment(name)]))) as fc.Arbitrary<
    Record<string, string>
  >;
  const method = fc.oneof(
    { weight: 20, arbitrary: fc.constant(operation.method) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND') },
  );
  return fc
    .record({
      path,
      query,
      headers,
      authorization: needsNone ? fc.constant('') : authorization,
      content: bodies,
      method,
    })
    .map((made) => toCase(operation, inQuery, made));
}

interface Made {
  readonly path: Record<string, string>;
  readonly query: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly authorization: string;
  readonly content: { readonly body?: string; readonly type?: string };
  readonly method: string;
}

function toCase(operation: Described, inQuery: readonly Parameter[], made: Made): Case {
  const { path, query, authorization, content, method } = made;
  const target = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '');
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]) => [name, value.toWellFormed()] as [string, string]),
  );
  const isQueryValid = inQuery.every(({ name, schema }) => {
    const value = query[name];
    if (value === undefined) return true;
    const read = schema['type'] === 'integer' && /^\d+$/.test(value) ? Number(value) : value;
    // JavaScript counts UTF-16 code units, and JSON Schema counts characters.
    return validate(schema, read).length === 0 && (name !== 'search' || value.length <= 512);
  });
  return {
    operation,
    method,
    target: `${PREFIX}${target}${search.size > 0 ? `?${search}` : ''}`,
    headers: {
      ...made.headers,
      ...(authorization !== '' && { authorization }),
      ...(content.type !== undefined && { 'content-type': content.type }),
      ...(content.body !== undefined && { 'content-length': String(Buffer.byteLength(content.body)) }),
    },
    ...(content.body !== undefined && { body: content.body }),
    [fc.toStringMethod]: () => JSON.stringify({ id: operation.operationId, target: `${target}?${search}`, ...made }),
    isPlain: content.body === undefined && content.type === undefined,
    isQueryValid,
  };
}

/** Valid and invalid requests, generated from the OpenAPI document. */
export const requests = fc.constantFrom(...operations).chain(requestOf);

/* The answers of the OpenAPI document: by status, with their headers. */

import { STATUS_CODES } from 'node:http';
import { PROBLEM } from '../../http/problems.ts';
import type { Json } from './parameters.ts';
import { type SchemaName, schemaNamed } from './schemas.ts';

const text = (description: string, isRequired = true): Json => ({
  description,
  ...(isRequired && { required: true }),
  schema: { type: 'string' },
});
const whole = (description: string, minimum: number): Json => ({
  description,
  required: true,
  schema: { type: 'integer', minimum },
});
/** Where everything comes at once, there are none of those. */
const ofPage = (description: string): Json => ({ description, schema: { type: 'string', pattern: '^[0-9]*$' } });

const HEADERS = {
  'X-Request-Id': text('The id of the request, as the log has it.'),
  ETag: text('Strong: names the bytes of this representation in this coding.'),
  Vary: text('What of a request decides about the answer.'),
  'Cache-Control': text('Answers are kept by nobody else than who asks, and asked for again.'),
  'Content-Encoding': text('`zstd`, `br` or `gzip`, as `Accept-Encoding` prefers, from 1 KiB on.', false),
  RateLimit: text('How many requests are left, once less than half are.', false),
  'RateLimit-Policy': text('How many there may be, once less than half are left.', false),
  'Retry-After': whole('In how many seconds to ask again.', 1),
  'WWW-Authenticate': text('How to say who asks.'),
  Location: text('Where to see how it goes: a path.'),
  Link: text('The first, previous, next and last page (RFC 8288), where this is a page.', false),
  'X-Total': ofPage('How many members there are, where this is a page.'),
  'X-Total-Pages': ofPage('How many pages there are, where this is one.'),
  'X-Page': ofPage('Which page this is.'),
  'X-Per-Page': ofPage('How many members a page has.'),
  'X-Next-Page': ofPage('The number of the next page; empty where there is none.'),
  'X-Prev-Page': ofPage('The number of the previous page; empty where there is none.'),
} as const;

export type HeaderName = keyof typeof HEADERS;
export const HEADER_COMPONENTS: Json = HEADERS;

export function headersNamed(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

export const LIMITS: readonly HeaderName[] = ['RateLimit', 'RateLimit-Policy'];
export const ALWAYS: readonly HeaderName[] = ['X-Request-Id', 'Cache-Control'];
export const CACHED: readonly HeaderName[] = [...ALWAYS, ...LIMITS, 'ETag', 'Vary'];
export const ENCODED: readonly HeaderName[] = [...CACHED, 'Content-Encoding'];
export const PAGED: readonly HeaderName[] = [
  'Link',
  'X-Total',
  'X-Total-Pages',
  'X-Page',
  'X-Per-Page',
  'X-Next-Page',
  'X-Prev-Page',
];

/** What is answered after the request was counted. */
const COUNTED: readonly HeaderName[] = [...ALWAYS, ...LIMITS];

/** What is answered besides what was asked for. */
const PROBLEMS = {
  400: { description: 'A parameter, the body, the header `Host` or the request as a whole is not right.', headers: [] },
  401: { description: 'It is not known who asks, or he may not.', headers: [...COUNTED, 'WWW-Authenticate'] },
  404: { description: 'There is no such resource.', headers: COUNTED },
  408: { description: 'The request took longer than 30 seconds.', headers: [] },
  409: { description: 'A collection is under way already.', headers: COUNTED },
  410: { description: 'The snapshot is not held any more: begin again without it.', headers: COUNTED },
  413: { description: 'The body has more than 1 MiB.', headers: COUNTED },
  415: { description: 'The body is of a type that is none, or none of those that are read here.', headers: COUNTED },
  421: { description: 'The host of the request is not served here: `allowed_hosts`.', headers: ALWAYS },
  429: { description: 'There were too many requests.', headers: [...COUNTED, 'Retry-After'] },
  431: { description: 'The headers have more than 16 KiB.', headers: [] },
  503: { description: 'There is no answer yet, or not now.', headers: [...COUNTED, 'Retry-After'] },
} as const satisfies Record<number, { readonly description: string; readonly headers: readonly HeaderName[] }>;

export type ProblemStatus = keyof typeof PROBLEMS;

/** What anything may be answered with. */
export const ANYWHERE: readonly ProblemStatus[] = [400, 408, 413, 415, 421, 431];

/** One answer; `content` by media type. */
export function response(description: string, headers: readonly HeaderName[], content?: Json): Json {
  return { description, headers: headersNamed(headers), ...(content && { content }) };
}

export function json(schema: SchemaName): Json {
  return { schema: schemaNamed(schema) };
}

/** By status. */
export function problems(statuses: readonly ProblemStatus[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }]));
}

/** `components/responses`: those that are referred to in that text. */
export function problemComponents(text: string): Json {
  const statuses = Object.keys(PROBLEMS).map((status) => Number(status) as ProblemStatus);
  const used = statuses.filter((status) => text.includes(`/responses/${nameOf(status)}"`));
  return Object.fromEntries(used.map((status) => [nameOf(status), problem(status)]));
}

export function problem(status: ProblemStatus, schema: SchemaName = 'Problem') {
  const { description, headers } = PROBLEMS[status];
  return response(`${STATUS_CODES[status]}. ${description}`, headers, { [PROBLEM]: json(schema) });
}

function nameOf(status: ProblemStatus): string {
  return String(STATUS_CODES[status]).replaceAll(/[^A-Za-z]/g, '');
}

/** Nothing has changed. */
export const NOT_MODIFIED = response('Not Modified. The client has it, as `If-None-Match` says.', CACHED);

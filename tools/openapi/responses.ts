/* The responses of the OpenAPI document: by status, with their headers. */

import { STATUS_CODES } from 'node:http';
import { PROBLEM } from '../../src/http/problems.ts';
import type { Json } from './parameters.ts';
import { schemaNamed } from './schemas.ts';

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
/** A header that only pages have. */
const ofPage = (description: string): Json => ({ description, schema: { type: 'string', pattern: '^[0-9]*$' } });

const HEADERS = {
  'X-Request-Id': text('The id of the request, also in the log.'),
  ETag: text('A strong validator for this representation and content coding.'),
  Vary: text('The request headers that the response depends on.'),
  'Cache-Control': text('Only the client may store the response, and it must revalidate it.'),
  'Content-Encoding': text('`zstd`, `br` or `gzip`, by `Accept-Encoding`, for bodies of 1 KiB or more.', false),
  RateLimit: text('The number of requests left; sent when less than half are left.', false),
  'RateLimit-Policy': text('The number of requests allowed; sent when less than half are left.', false),
  'Retry-After': whole('The number of seconds to wait before the next request.', 1),
  'WWW-Authenticate': text('The authentication scheme to use.'),
  Location: text('The path of the resource that shows the progress.'),
  Link: text('Links to the first, previous, next and last page (RFC 8288).', false),
  'X-Total': ofPage('The number of members in all pages.'),
  'X-Total-Pages': ofPage('The number of pages.'),
  'X-Page': ofPage('The number of this page.'),
  'X-Per-Page': ofPage('The number of members per page.'),
  'X-Next-Page': ofPage('The number of the next page; empty on the last page.'),
  'X-Prev-Page': ofPage('The number of the previous page; empty on the first page.'),
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

/** The headers of responses to requests that count against a limit. */
const COUNTED: readonly HeaderName[] = [...ALWAYS, ...LIMITS];

/** Problem responses, by status. */
const PROBLEMS = {
  400: { description: 'A parameter, the body, the `Host` header or the request itself is not valid.', headers: [] },
  401: { description: 'The credentials are missing or not valid.', headers: [...COUNTED, 'WWW-Authenticate'] },
  404: { description: 'The resource does not exist.', headers: COUNTED },
  408: { description: 'The request took longer than 30 seconds.', headers: [] },
  409: { description: 'A crawl is already running.', headers: COUNTED },
  410: { description: 'The server no longer holds the snapshot: repeat the request without it.', headers: COUNTED },
  413: { description: 'The body is larger than 1 MiB.', headers: COUNTED },
  415: { description: 'The media type of the body is not valid or not supported.', headers: COUNTED },
  421: { description: 'The server does not serve the host of the request (`allowed_hosts`).', headers: ALWAYS },
  429: { description: 'The client has sent too many requests.', headers: [...COUNTED, 'Retry-After'] },
  431: { description: 'The headers are larger than 16 KiB.', headers: [] },
  503: { description: 'The service is not ready or overloaded.', headers: [...COUNTED, 'Retry-After'] },
} as const satisfies Record<number, { readonly description: string; readonly headers: readonly HeaderName[] }>;

export type ProblemStatus = keyof typeof PROBLEMS;

/** The problems that any request can cause. */
export const ANYWHERE: readonly ProblemStatus[] = [400, 408, 413, 415, 421, 431];

/** Returns a response; `content` is keyed by media type. */
export function response(description: string, headers: readonly HeaderName[], content?: Json): Json {
  return { description, headers: headersNamed(headers), ...(content && { content }) };
}

export function json(schema: string): Json {
  return { schema: schemaNamed(schema) };
}

/** Returns references to shared problem responses, by status. */
export function problems(statuses: readonly ProblemStatus[]): Json {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${nameOf(status)}` }]));
}

/** Returns `components/responses`: the problem responses that `text` refers to. */
export function problemComponents(text: string): Json {
  const statuses = Object.keys(PROBLEMS).map((status) => Number(status) as ProblemStatus);
  const used = statuses.filter((status) => text.includes(`/responses/${nameOf(status)}"`));
  return Object.fromEntries(used.map((status) => [nameOf(status), problem(status)]));
}

export function problem(status: ProblemStatus, schema: string = 'Problem') {
  const { description, headers } = PROBLEMS[status];
  return response(`${STATUS_CODES[status]}. ${description}`, headers, { [PROBLEM]: json(schema) });
}

function nameOf(status: ProblemStatus): string {
  return String(STATUS_CODES[status]).replaceAll(/[^A-Za-z]/g, '');
}

export const NOT_MODIFIED = response('Not Modified. The copy that `If-None-Match` names is current.', CACHED);

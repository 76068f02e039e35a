import { type IncomingHttpHeaders, request } from 'node:http';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Described, documented, validatorOf } from './described-operations.ts';

/** A request. Path and query are sent unchanged, also if they are malformed. */
export interface Asked {
  readonly operation: Described;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export function send(port: number, { method, target, headers, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path: target, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    // The server may refuse a request and stop reading its body. The response is still valid.
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Returns a function that lists the differences between a response and its description in the OpenAPI document. */
export function createCheck(document: unknown): (asked: Asked, answered: Answered) => readonly string[] {
  const validate = validatorOf(document);
  const operations = documented(document);
  return function wrongs({ operation, method }, { status, headers, body }) {
    const described = method === 'HEAD' ? 'GET' : method;
    const one = operations.find(({ path, method: own }) => path === operation.path && own === described);
    if (one === undefined) return otherMethod(status, headers);
    const answer = one.responses[status];
    if (answer === undefined) return [`the status ${status} is not described`];
    const wrong: string[] = [];
    for (const [name, { required = false, schema }] of Object.entries(answer.headers)) {
      const value = headers[name.toLowerCase()];
      if (value === undefined && required) wrong.push(`the header ${name} is missing`);
      if (value === undefined) continue;
      const read = schema['type'] === 'integer' ? Number(value) : String(value);
      wrong.push(...validate(schema, read).map((one) => `${name}: ${one}`));
    }
    if (method === 'HEAD') return body.length > 0 ? [...wrong, 'HEAD has a body'] : wrong;
    if (answer.content === undefined) return body.length > 0 ? [...wrong, 'a body is not described'] : wrong;
    const mediaType = String(headers['content-type']).split(';')[0] ?? '';
    const content = answer.content[mediaType];
    if (content === undefined) return [...wrong, `the media type ${mediaType} is not described`];
    const text = decoded(body, headers['content-encoding']).toString();
    const isJson = /[/+]json$/.test(mediaType);
    const lines = content['x-line'] === undefined ? [] : text.split('\n').slice(0, -1);
    wrong.push(...validate(content.schema, isJson ? JSON.parse(text) : text));
    for (const line of lines) wrong.push(...validate(content['x-line'] ?? {}, JSON.parse(line)));
    return wrong;
  };
}

/** Checks the response to a method without an operation, which the document describes only in words. */
function otherMethod(status: number, { allow, 'content-type': mediaType }: IncomingHttpHeaders): readonly string[] {
  if (status === 405) return allow === undefined ? ['405 without Allow'] : [];
  return [400, 404, 408, 413, 415, 421, 429, 431].includes(status) && mediaType === 'application/problem+json'
    ? []
    : [`another method gets ${status}`];
}

function decoded(body: Buffer, coding: string | undefined): Buffer {
  if (coding === 'gzip') return gunzipSync(body);
  if (coding === 'br') return brotliDecompressSync(body);
  return coding === 'zstd' ? zstdDecompressSync(body) : body;
}

import { readFileSync } from 'node:fs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toBody } from '../http/bodies/body.ts';
import { sendBody } from '../http/bodies/send-body.ts';

/** Assembled by `npm run generate` (tools/openapi); it lies beside package.json, in a checkout and in an installed package. */
const DOCUMENT_FILE = new URL('../../openapi.json', import.meta.url);

/** Returns the handler of `GET /openapi.json`: the checked-in document with this server's prefix and version filled in. */
export function createOpenApi(prefix: string, version: string) {
  const body = toBody(openApiDocument(prefix, version));
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    sendBody(request, reply, body, { type: 'application/json' });
}

/** Reads the document and replaces `{prefix}` and `{version}` in its texts. */
export function openApiDocument(prefix: string, version: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(DOCUMENT_FILE, 'utf8'), (_, value) =>
    typeof value === 'string' ? value.replaceAll('{prefix}', prefix).replaceAll('{version}', version) : value,
  );
}

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';
import { type Body, bodyOf } from '../../http/bodies/body-cache.ts';
import { sendBody } from '../../http/bodies/send-body.ts';
import { LIBRARY_FILES, OWN_FILES } from './docs-page.ts';

/** In place of the policy of all other answers. The script of the page asks us, and nobody else; the images are those that its styles hold. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `GET /docs` and the files of that page: they tell nothing of the registry, so that they need no token. */
export function addDocs(server: FastifyInstance, prefix: string): void {
  for (const [path, { type, text }] of OWN_FILES) {
    const body = bodyOf(Buffer.from(text));
    const headers = type.startsWith('text/html')
      ? { 'content-security-policy': PAGE_POLICY, 'x-robots-tag': 'noindex' }
      : {};
    server.get(`${prefix}/${path}`, (request, reply) => sendBody(request, reply.headers(headers), body, { type }));
  }
  for (const [name, type] of LIBRARY_FILES) {
    const read = createReading(name);
    server.get(`${prefix}/docs/${name}`, async (request, reply) => sendBody(request, reply, await read(), { type }));
  }
}

/** Reads a file of the library when it is first asked for, and keeps it: most services never show the page. */
function createReading(name: string): () => Promise<Body> {
  let reading: Promise<Body> | undefined;
  return async () => {
    reading ??= readFile(resolve(`@fastify/swagger-ui/static/${name}`)).then(bodyOf);
    try {
      return await reading;
    } catch (error) {
      reading = undefined;
      throw error;
    }
  };
}

const { resolve } = createRequire(import.meta.url);

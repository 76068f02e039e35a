import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { FastifyInstance } from 'fastify';
import { type Body, bodyOf } from '../../http/bodies/body.ts';
import { sendBody } from '../../http/bodies/send-body.ts';
import { PATHS } from '../route-table.ts';
import { LIBRARY_FILES, OWN_FILES } from './docs-page.ts';

/** Replaces the policy of all other responses. The page's script may send requests to this server only; its images are inside its style sheets. */
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

/** Adds `GET /docs` and the files of that page. They contain no data of the registry, so they need no token. */
export function addDocs(server: FastifyInstance, prefix: string): void {
  for (const [path, { type, text }] of OWN_FILES) {
    const body = bodyOf(Buffer.from(text));
    const headers = type.startsWith('text/html')
      ? { 'content-security-policy': PAGE_POLICY, 'x-robots-tag': 'noindex' }
      : {};
    server.get(prefix + path, (request, reply) => sendBody(request, reply.headers(headers), body, { type }));
  }
  for (const [name, type] of LIBRARY_FILES) {
    const load = createLazyFile(name);
    server.get(`${prefix}${PATHS.docs}/${name}`, async (request, reply) =>
      sendBody(request, reply, await load(), { type }),
    );
  }
}

/** Returns a function that reads a file of the library at the first call and keeps it: most services never serve the page. */
function createLazyFile(name: string): () => Promise<Body> {
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

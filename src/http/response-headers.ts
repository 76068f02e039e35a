import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { PAGE_HEADERS } from '../api/collections/query/pagination.ts';

export interface HeadersOptions {
  readonly corsOrigins: '*' | readonly string[];
  /** Whether we speak TLS ourselves: else it is for the proxy to promise (RFC 6797). */
  readonly isTls: boolean;
}

/** What every answer says, whatever it answers. */
export function addHeaders(server: FastifyInstance, { corsOrigins, isTls }: HeadersOptions): void {
  void server.register(cors, {
    origin: corsOrigins === '*' ? '*' : [...corsOrigins],
    methods: ['GET', 'HEAD', 'OPTIONS', 'POST'],
    exposedHeaders: [
      'ETag',
      'Location',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-Request-Id',
      ...PAGE_HEADERS,
    ],
    preflightContinue: true,
    strictPreflight: false,
  });
  const secure = securityHeaders(isTls);
  server.addHook('onRequest', (request, reply, done) => {
    void reply.headers(secure).header('x-request-id', request.id);
    done();
  });
}

const HSTS_SECONDS = 180 * 86_400;

/**
 * What keeps browsers from doing more with an answer than reading it: set before everything else, so that a page of ours can replace the
 * policy by one of its own. Cross-Origin-Resource-Policy is about those that embed without asking; who may ask is said by CORS.
 */
function securityHeaders(isTls: boolean): Readonly<Record<string, string>> {
  return {
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(isTls ? { 'strict-transport-security': `max-age=${HSTS_SECONDS}` } : {}),
  };
}

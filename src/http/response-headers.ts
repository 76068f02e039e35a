import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

export interface HeadersOptions {
  readonly corsOrigins: '*' | readonly string[];
  /** Headers of responses that a page of another origin may read, besides those of this module. */
  readonly exposedHeaders: readonly string[];
  /** Whether the service itself terminates TLS: otherwise HSTS is up to the proxy (RFC 6797). */
  readonly isTls: boolean;
}

/** Adds the headers that every response has. */
export function addHeaders(server: FastifyInstance, { corsOrigins, exposedHeaders, isTls }: HeadersOptions): void {
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
      ...exposedHeaders,
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
 * Headers that keep browsers from doing anything with a response but reading it. They are set first, so that the pages of the service can replace
 * the policy by their own. Cross-Origin-Resource-Policy concerns pages that embed a response; CORS concerns scripts that read it.
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

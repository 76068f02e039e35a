const HSTS_SECONDS = 180 * 86_400;

/**
 * What keeps browsers from doing more with an answer than reading it: set before everything else, so that a page of ours can replace the
 * policy by one of its own. Cross-Origin-Resource-Policy is about those that embed without asking; who may ask is said by CORS.
 *
 * @param isTls whether we speak TLS ourselves: else it is for the proxy to promise (RFC 6797)
 */
export function securityHeaders(isTls: boolean): Readonly<Record<string, string>> {
  return {
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(isTls ? { 'strict-transport-security': `max-age=${HSTS_SECONDS}` } : {}),
  };
}

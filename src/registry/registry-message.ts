import { z } from 'zod';
import { parseJson } from '../lib/parse-json.ts';
import type { HttpResponse } from './transport/send-once.ts';

/** The code and the message with which a server explains an error response. */
export interface RegistryMessage {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

/** An error body in bytes: parsing a longer one could block the service. */
const LONGEST_BODY = 65_536;
const LONGEST_CODE = 64;
const LONGEST_MESSAGE = 300;
const NOTHING: RegistryMessage = { code: undefined, message: undefined };

/** A value of another type counts as absent, so that the other one is still read. */
const OPTIONAL_TEXT = z.string().optional().catch(undefined);

/**
 * Error bodies, in the order in which they are tried: registries (OCI distribution-spec, "Error Codes"), GitLab's REST API, OAuth 2 (RFC 6749, 5.2) and
 * Docker's token service.
 */
const errorBody = z.union([
  z
    .object({ errors: z.array(z.object({ code: OPTIONAL_TEXT, message: OPTIONAL_TEXT })).min(1) })
    .transform(({ errors: [first] }) => ({ code: first?.code, message: first?.message })),
  z
    .object({ error: z.string(), error_description: OPTIONAL_TEXT })
    .transform(({ error, error_description }) => ({ code: error, message: error_description })),
  z.object({ message: z.string() }).transform(({ message }) => ({ code: undefined, message })),
  z.object({ details: z.string() }).transform(({ details }) => ({ code: undefined, message: details })),
]);

/**
 * Reads the code and message of an error response. Both are bounded, on one line, and contain neither the credentials of the request nor anything that
 * looks like a token or a signed URL: a server may repeat them.
 */
export function registryMessageOf({
  status = 0,
  body,
  request,
}: Partial<Pick<HttpResponse, 'status' | 'body' | 'request'>>): RegistryMessage {
  if (body === undefined || body.length > LONGEST_BODY || status < 400) return NOTHING;
  const found = errorBody.safeParse(parseJson(body)).data;
  if (found === undefined) return NOTHING;
  const secrets = secretsIn(request?.headers ?? {});
  return {
    code: shown(found.code, LONGEST_CODE, secrets),
    message: shown(found.message, LONGEST_MESSAGE, secrets),
  };
}

function shown(text: string | undefined, longest: number, secrets: readonly string[]): string | undefined {
  if (text === undefined) return undefined;
  let safe = text;
  for (const secret of secrets) safe = safe.replaceAll(secret, '[redacted]');
  safe = safe
    .replace(/\b(https?:\/\/)[^\s/@]*@/gi, '$1')
    .replace(/\b(https?:\/\/[^\s?]*)\?\S*/gi, '$1')
    .replace(/\b(?:gl[a-z]+-[\w-]{10,}|eyJ[\w-]{10,}[\w.-]*|(?:basic|bearer) +\S+)/gi, '[redacted]')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  if (safe === '') return undefined;
  return safe.length > longest ? `${safe.slice(0, longest - 1)}…` : safe;
}

/** The credentials in the headers of a request: tokens, and the password of basic authentication. */
function secretsIn(headers: Readonly<Record<string, string | undefined>>): readonly string[] {
  const [, scheme = '', value = ''] = /^(\S+) +(\S+)/.exec(headers['authorization'] ?? '') ?? [];
  const decoded = scheme.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString() : '';
  const password = decoded.slice(decoded.indexOf(':') + 1);
  return [value, password, headers['private-token'] ?? ''].filter((secret) => secret.length >= 4);
}

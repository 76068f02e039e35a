import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import type { HttpResponse } from './send-once.ts';

const errorBody = z.object({ errors: z.array(z.object({ code: z.string() }).nullable().catch(null)) });

/** Returns the codes of an error body (OCI distribution-spec, "Error Codes"); none for other bodies. */
export function errorCodes(response: HttpResponse): readonly string[] {
  return errorBody.safeParse(parseJson(response.body)).data?.errors.flatMap((error) => error?.code ?? []) ?? [];
}

/** Returns the value of a header that occurs once. */
export function header(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : undefined;
}

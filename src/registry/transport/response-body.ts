import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import type { HttpResponse } from './send-once.ts';

const errorBody = z.object({ errors: z.array(z.object({ code: z.string() })) });

/** The codes of an error body (OCI distribution-spec, "Error Codes"); none where it is something else. */
export function errorCodes(answer: HttpResponse): readonly string[] {
  return errorBody.safeParse(parseJson(answer.body)).data?.errors.map((error) => error.code) ?? [];
}

/** The value of a header that came once. */
export function header(answer: HttpResponse, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
}

import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { parseJson } from '../lib/parse-json.ts';

/* A signed schema 1 manifest is its payload with a member more, and every signature says how the payload is had again
 * (Docker image manifest v2 schema 1, "Signed Manifests"):
 *
 *   payload = the first formatLength bytes of what is sent, then formatTail */
const signed = z.object({ signatures: z.tuple([z.object({ protected: z.string() })], z.unknown()) });
const protectedHeader = z.object({ formatLength: z.int().nonnegative(), formatTail: z.string() });

/** The payload of a schema 1 manifest, which is what its digest is of; undefined where the signature does not tell. Unsigned, it is all of it. */
export function signedPayload(sent: Buffer, body: unknown): Buffer | undefined {
  if (typeof body === 'object' && body !== null && !('signatures' in body)) return sent;
  const signature = signed.safeParse(body).data?.signatures[0];
  const text = Buffer.from(signature?.protected ?? '', 'base64url');
  const format = protectedHeader.safeParse(parseJson(text)).data;
  if (format === undefined) return undefined;
  return Buffer.concat([sent.subarray(0, format.formatLength), Buffer.from(format.formatTail, 'base64url')]);
}

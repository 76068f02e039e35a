import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { parseJson } from '../lib/parse-json.ts';

/* A signed schema 1 manifest is its payload plus a member with signatures, each of which describes how to restore the payload
 * (Docker image manifest v2 schema 1, "Signed Manifests"):
 *
 *   payload = the first formatLength bytes of the manifest, then formatTail */
const signed = z.object({ signatures: z.tuple([z.object({ protected: z.string() })], z.unknown()) });
const protectedHeader = z.object({ formatLength: z.int().nonnegative(), formatTail: z.string() });

/** Returns the payload of a schema 1 manifest, whose digest identifies it; undefined if the signature is not valid. An unsigned manifest is its own payload. */
export function signedPayload(sent: Buffer, body: unknown): Buffer | undefined {
  if (typeof body === 'object' && body !== null && !('signatures' in body)) return sent;
  const signature = signed.safeParse(body).data?.signatures[0];
  const text = Buffer.from(signature?.protected ?? '', 'base64url');
  const format = protectedHeader.safeParse(parseJson(text)).data;
  if (format === undefined) return undefined;
  return Buffer.concat([sent.subarray(0, format.formatLength), Buffer.from(format.formatTail, 'base64url')]);
}

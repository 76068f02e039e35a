import { generateKeyPairSync, sign } from 'node:crypto';

/* A signed schema 1 manifest (Docker image manifest v2, schema 1): the payload with an inserted JWS. The `protected` header of the JWS tells
 * where the payload ended before the signatures were inserted. */

export interface Schema1 {
  /** The text to push. */
  readonly body: string;
}

export function schema1Manifest(name: string, tag: string, blobSums: readonly string[]): Schema1 {
  const payload = JSON.stringify(
    {
      schemaVersion: 1,
      name,
      tag,
      architecture: 'amd64',
      fsLayers: blobSums.map((blobSum) => ({ blobSum })),
      history: blobSums.map((_, i) => ({ v1Compatibility: JSON.stringify({ id: String(i).padStart(64, '0') }) })),
    },
    null,
    3,
  );
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const formatTail = payload.slice(-2);
  const head = payload.slice(0, -2);
  const base64url = (text: string): string => Buffer.from(text).toString('base64url');
  const header = base64url(
    JSON.stringify({ formatLength: head.length, formatTail: base64url(formatTail), time: '2024-05-06T07:08:09Z' }),
  );
  const signature = sign('sha256', Buffer.from(`${header}.${base64url(payload)}`), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const jws = {
    header: { jwk: { kty, crv, x, y }, alg: 'ES256' },
    signature: signature.toString('base64url'),
    protected: header,
  };
  return { body: `${head},\n   "signatures": [${JSON.stringify(jws)}]${formatTail}` };
}

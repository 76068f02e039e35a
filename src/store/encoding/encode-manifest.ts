import { hash } from 'node:crypto';
import { readManifest } from '../../domain/manifest/manifest.ts';
import type { Digest } from '../../domain/names.ts';
import { parseJson } from '../../lib/parse-json.ts';
import type { StoredManifest } from '../../ports.ts';

export interface ManifestRow {
  readonly content_type: string;
  readonly size_bytes: number;
  readonly body: Uint8Array;
  readonly body_sha256: string | null;
}

/** Adds a checksum of the body if the digest is not one: if it is not a sha256, or names the payload of a signed schema 1 manifest. */
export function encodeManifest({ digest, sizeBytes, served }: StoredManifest): ManifestRow {
  const sha256 = hash('sha256', served.body);
  return {
    content_type: served.contentType,
    size_bytes: sizeBytes,
    body: served.body,
    body_sha256: digest === `sha256:${sha256}` ? null : sha256,
  };
}

/** Returns undefined if the body does not match its checksum, or cannot be parsed. A crawl then reads the manifest again. */
export function decodeManifest(digest: Digest, row: ManifestRow): StoredManifest | undefined {
  const sha256 = hash('sha256', row.body);
  const isIntact = row.body_sha256 === null ? digest === `sha256:${sha256}` : row.body_sha256 === sha256;
  if (!isIntact) return undefined;
  const manifest = readManifest(row.content_type, parseJson(row.body));
  if (manifest.kind === 'unsupported' || manifest.kind === 'contradictory') return undefined;
  const sizeBytes = row.body_sha256 === null ? row.body.length : row.size_bytes;
  return { digest, sizeBytes, manifest, served: { contentType: row.content_type, body: row.body } };
}

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

/** The digest of a signed schema 1 manifest is not that of its body, and others are no sha256: their bodies get one of their own. */
export function encodeManifest({ digest, sizeBytes, served }: StoredManifest): ManifestRow {
  const sha256 = hash('sha256', served.body);
  return {
    content_type: served.contentType,
    size_bytes: sizeBytes,
    body: served.body,
    body_sha256: digest === `sha256:${sha256}` ? null : sha256,
  };
}

/** Undefined where the body is not what was stored, or nothing that can be read: then it has to be fetched anew. */
export function decodeManifest(digest: Digest, row: ManifestRow): StoredManifest | undefined {
  const sha256 = hash('sha256', row.body);
  const isWhole = row.body_sha256 === null ? digest === `sha256:${sha256}` : row.body_sha256 === sha256;
  if (!isWhole) return undefined;
  const manifest = readManifest(row.content_type, parseJson(row.body));
  if (manifest.kind === 'unsupported') return undefined;
  const sizeBytes = row.body_sha256 === null ? row.body.length : row.size_bytes;
  return { digest, sizeBytes, manifest, served: { contentType: row.content_type, body: row.body } };
}

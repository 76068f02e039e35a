import type { ImageConfig } from '../../domain/manifest/image-config.ts';
import type { Digest } from '../../domain/names.ts';
import { createYielder, yieldToEventLoop } from '../../lib/yielding.ts';
import type { StoredManifest } from '../../ports.ts';
import { DIGEST_OF_VALUE, encodeDigest, encodeDigests } from '../encoding/encode-digest.ts';
import { decodeImageConfig, encodeImageConfig } from '../encoding/encode-image-config.ts';
import { decodeManifest, encodeManifest, type ManifestRow } from '../encoding/encode-manifest.ts';
import type { Database } from './database.ts';

/**
 * What digests name. It is queued and written many at a time, since most of the cost is the transaction: queued, it can be read already, and a
 * process that is killed loses what it can ask for again.
 */
export interface Content {
  manifests(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, StoredManifest>>;
  imageConfigs(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, ImageConfig>>;
  blobBytes(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, number | null>>;
  heldManifests(digests: readonly Digest[]): Promise<ReadonlySet<Digest>>;
  saveManifest(manifest: StoredManifest): void;
  forgetManifest(digest: Digest): void;
  saveImageConfig(digest: Digest, config: ImageConfig): void;
  saveBlobBytes(digest: Digest, bytes: number | null): void;
  /** Writes what is queued and then that, all of it or nothing. */
  flushWith(write: () => void): void;
}

/** The queue is written before it grows beyond these. */
const MOST_QUEUED = 500;
const MOST_QUEUED_BYTES = 8 * 1024 * 1024;
const READS_AT_ONCE = 500;

export function createContent(database: Database): Content {
  const tables = prepareTables(database);
  const queue = createQueue();
  // One for all calls: many small ones in a row keep others waiting just as well.
  const yieldNow = createYielder(READS_AT_ONCE);
  const collect = async <T>(digests: readonly Digest[], read: (digest: Digest) => T | undefined) => {
    const found = new Map<Digest, T>();
    for (const digest of digests) {
      const one = read(digest);
      if (one !== undefined) found.set(digest, one);
      await yieldNow();
    }
    return found;
  };
  const flushWith = (write: () => void): void => {
    database.transaction(() => {
      for (const manifest of queue.manifests.values()) tables.writeManifest(manifest);
      for (const [digest, config] of queue.configs) tables.writeConfig(digest, config);
      for (const [digest, bytes] of queue.blobs) tables.writeBlob(digest, bytes);
      write();
    });
    queue.clear();
  };
  /** Where the queue cannot be written, it stays as it is, and what should have been added is not. */
  const makeRoom = (bytes: number): void => {
    if (queue.isFull(bytes)) flushWith(() => undefined);
  };
  return {
    manifests: (digests) => collect(digests, (digest) => queue.manifests.get(digest) ?? tables.readManifest(digest)),
    imageConfigs: (digests) => collect(digests, (digest) => queue.configs.get(digest) ?? tables.readConfig(digest)),
    blobBytes: (digests) =>
      collect(digests, (digest) => (queue.blobs.has(digest) ? queue.blobs.get(digest) : tables.readBlob(digest))),
    async heldManifests(digests) {
      const held = new Set(digests.filter((digest) => queue.manifests.has(digest)));
      for (let at = 0; at < digests.length; at += READS_AT_ONCE) {
        for (const digest of tables.heldManifests(digests.slice(at, at + READS_AT_ONCE))) held.add(digest);
        await yieldToEventLoop();
      }
      return held;
    },
    saveManifest(manifest) {
      makeRoom(manifest.served.body.length);
      queue.add(queue.manifests, manifest.digest, manifest, manifest.served.body.length);
    },
    forgetManifest: (digest) => flushWith(() => tables.deleteManifest(digest)),
    saveImageConfig(digest, config) {
      makeRoom(0);
      queue.add(queue.configs, digest, config, 0);
    },
    saveBlobBytes(digest, bytes) {
      makeRoom(0);
      queue.add(queue.blobs, digest, bytes, 0);
    },
    flushWith,
  };
}

function createQueue() {
  let [count, bytes] = [0, 0];
  const manifests = new Map<Digest, StoredManifest>();
  const configs = new Map<Digest, ImageConfig>();
  const blobs = new Map<Digest, number | null>();
  return {
    manifests,
    configs,
    blobs,
    isFull: (moreBytes: number) => count >= MOST_QUEUED || (count > 0 && bytes + moreBytes > MOST_QUEUED_BYTES),
    add<T>(table: Map<Digest, T>, digest: Digest, value: T, moreBytes: number): void {
      table.set(digest, value);
      count++;
      bytes += moreBytes;
    },
    clear(): void {
      [count, bytes] = [0, 0];
      for (const table of [manifests, configs, blobs]) table.clear();
    },
  };
}

function prepareTables(database: Database) {
  const insertManifest = database.statement(
    `INSERT INTO manifest (digest, content_type, size_bytes, body, body_sha256) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET content_type = excluded.content_type, size_bytes = excluded.size_bytes,
       body = excluded.body, body_sha256 = excluded.body_sha256, unused_since = NULL`,
  );
  // Many in one statement: each of its own costs several times as much.
  const selectHeld = database.statement<{ key: number }>(
    `SELECT key FROM json_each(?)
     WHERE EXISTS (SELECT 1 FROM manifest WHERE digest = ${DIGEST_OF_VALUE})`,
  );
  const deleteManifest = database.statement('DELETE FROM manifest WHERE digest = ?');
  const selectManifest = database.statement<ManifestRow>(
    'SELECT content_type, size_bytes, body, body_sha256 FROM manifest WHERE digest = ?',
  );
  const insertConfig = database.statement(
    `INSERT INTO image_config (digest, config) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET config = excluded.config, unused_since = NULL`,
  );
  const selectConfig = database.statement<{ config: string }>('SELECT config FROM image_config WHERE digest = ?');
  const insertBlob = database.statement(
    `INSERT INTO blob (digest, bytes) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET bytes = excluded.bytes, unused_since = NULL`,
  );
  const selectBlob = database.statement<{ bytes: number | null }>('SELECT bytes FROM blob WHERE digest = ?');
  return {
    writeManifest(manifest: StoredManifest): void {
      const { content_type, size_bytes, body, body_sha256 } = encodeManifest(manifest);
      insertManifest.run(encodeDigest(manifest.digest), content_type, size_bytes, body, body_sha256);
    },
    heldManifests: (digests: readonly Digest[]): readonly Digest[] =>
      selectHeld.all(encodeDigests(digests)).flatMap(({ key }) => digests[key] ?? []),
    deleteManifest(digest: Digest): void {
      deleteManifest.run(encodeDigest(digest));
    },
    readManifest(digest: Digest): StoredManifest | undefined {
      const row = selectManifest.get(encodeDigest(digest));
      return row && decodeManifest(digest, row);
    },
    writeConfig(digest: Digest, config: ImageConfig): void {
      insertConfig.run(encodeDigest(digest), encodeImageConfig(config));
    },
    readConfig(digest: Digest): ImageConfig | undefined {
      const row = selectConfig.get(encodeDigest(digest));
      return row && decodeImageConfig(row.config);
    },
    writeBlob(digest: Digest, bytes: number | null): void {
      insertBlob.run(encodeDigest(digest), bytes);
    },
    readBlob: (digest: Digest): number | null | undefined => selectBlob.get(encodeDigest(digest))?.bytes,
  };
}

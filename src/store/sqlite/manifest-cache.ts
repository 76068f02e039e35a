import type { ImageConfig } from '../../domain/manifest/image-config.ts';
import type { Digest } from '../../domain/names.ts';
import { createYielder, yieldToEventLoop } from '../../lib/yielding.ts';
import type { BlobCheck, ManifestCache, StoredManifest } from '../../ports.ts';
import { decodeImageConfig, encodeImageConfig } from '../encoding/encode-image-config.ts';
import { decodeManifest, encodeManifest, type ManifestRow } from '../encoding/encode-manifest.ts';
import type { Database, Value } from './database.ts';
import { DIGEST_OF_VALUE, decodeDigest, encodeDigest, encodeDigests } from './encode-digest.ts';

/**
 * The manifest cache with a write queue: most of the cost of a write is the transaction, so many are written in one. Queued manifests can already be
 * read. If the process is killed, the queue is lost.
 */
export interface QueuedManifestCache extends ManifestCache {
  /** Writes the queue and then calls `write`, in one transaction. */
  flushWith(write: () => void): void;
}

/** The queue is written before it becomes longer or larger than this. */
const MAX_QUEUED = 500;
const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
const READS_BETWEEN_YIELDS = 500;

export function createManifestCache(database: Database): QueuedManifestCache {
  const tables = prepareTables(database);
  const queue = createWriteQueue();
  // Shared by all calls: many short calls in a row block the event loop as much as a long one.
  const yieldNow = createYielder(READS_BETWEEN_YIELDS);
  const readEach = async <T>(digests: readonly Digest[], read: (digest: Digest) => T | undefined) => {
    const found = new Map<Digest, T>();
    for (const digest of digests) {
      const value = read(digest);
      if (value !== undefined) found.set(digest, value);
      await yieldNow();
    }
    return found;
  };
  const flushWith = (write: () => void): void => {
    database.transaction(() => {
      for (const manifest of queue.manifests.values()) tables.writeManifest(manifest);
      for (const [digest, config] of queue.configs) tables.writeConfig(digest, config);
      for (const [digest, check] of queue.checks) tables.writeCheck(digest, check);
      write();
    });
    queue.clear();
  };
  /** If the queue cannot be written, it stays as it is, and the caller does not add to it. */
  const makeSpace = (bytes: number): void => {
    if (queue.isFull(bytes)) flushWith(() => undefined);
  };
  return {
    manifests: (digests) => readEach(digests, (digest) => queue.manifests.get(digest) ?? tables.readManifest(digest)),
    imageConfigs: (digests) => readEach(digests, (digest) => queue.configs.get(digest) ?? tables.readConfig(digest)),
    blobChecks: (digests) => readEach(digests, (digest) => queue.checks.get(digest) ?? tables.readCheck(digest)),
    async heldManifests(digests) {
      const held = new Set(digests.filter((digest) => queue.manifests.has(digest)));
      for (let at = 0; at < digests.length; at += READS_BETWEEN_YIELDS) {
        for (const digest of tables.heldManifests(digests.slice(at, at + READS_BETWEEN_YIELDS))) held.add(digest);
        await yieldToEventLoop();
      }
      return held;
    },
    async saveManifest(manifest) {
      makeSpace(manifest.served.body.length);
      queue.add(queue.manifests, manifest.digest, manifest, manifest.served.body.length);
    },
    async forgetManifest(digest) {
      flushWith(() => tables.deleteManifest(digest));
    },
    async saveImageConfig(digest, config) {
      makeSpace(0);
      queue.add(queue.configs, digest, config, 0);
    },
    async saveBlobCheck(digest, check) {
      makeSpace(0);
      queue.add(queue.checks, digest, check, 0);
    },
    async faultyBlobs() {
      flushWith(() => undefined);
      return tables.faultyBlobs();
    },
    flushWith,
  };
}

function createWriteQueue() {
  let [count, bytes] = [0, 0];
  const manifests = new Map<Digest, StoredManifest>();
  const configs = new Map<Digest, ImageConfig>();
  const checks = new Map<Digest, BlobCheck>();
  return {
    manifests,
    configs,
    checks,
    isFull: (moreBytes: number) => count >= MAX_QUEUED || (count > 0 && bytes + moreBytes > MAX_QUEUED_BYTES),
    add<T>(map: Map<Digest, T>, digest: Digest, value: T, moreBytes: number): void {
      map.set(digest, value);
      count++;
      bytes += moreBytes;
    },
    clear(): void {
      [count, bytes] = [0, 0];
      for (const map of [manifests, configs, checks]) map.clear();
    },
  };
}

function prepareTables(database: Database) {
  const insertManifest = database.statement(
    `INSERT INTO manifest (digest, content_type, size_bytes, body, body_sha256) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET content_type = excluded.content_type, size_bytes = excluded.size_bytes,
       body = excluded.body, body_sha256 = excluded.body_sha256, unused_since = NULL`,
  );
  // All digests in one statement: one statement for each takes several times as long.
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
  const insertCheck = database.statement(
    `INSERT INTO blob (digest, bytes, checked_at, state) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET bytes = excluded.bytes, checked_at = excluded.checked_at, state = excluded.state,
       unused_since = NULL`,
  );
  const selectCheck = database.statement<CheckRow>('SELECT bytes, checked_at, state FROM blob WHERE digest = ?');
  // The condition is that of the index `faulty_blob`.
  const selectFaulty = database.statement<{ digest: Value }>(
    `SELECT digest FROM blob WHERE (state = 'answered' AND bytes IS NULL) OR state = 'other size'`,
  );
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
    writeCheck(digest: Digest, { at, bytes, isOtherSize }: BlobCheck): void {
      const state = bytes === undefined ? 'unanswered' : isOtherSize ? 'other size' : 'answered';
      insertCheck.run(encodeDigest(digest), bytes ?? null, at, state);
    },
    readCheck(digest: Digest): BlobCheck | undefined {
      const row = selectCheck.get(encodeDigest(digest));
      return row && toCheck(row);
    },
    faultyBlobs: (): readonly Digest[] => selectFaulty.all().map(({ digest }) => decodeDigest(digest)),
  };
}

interface CheckRow {
  readonly bytes: number | null;
  /** Null if an earlier version of the service wrote the row. */
  readonly checked_at: number | null;
  readonly state: 'answered' | 'other size' | 'unanswered';
}

function toCheck({ bytes, checked_at, state }: CheckRow): BlobCheck {
  return {
    at: checked_at ?? 0,
    bytes: state === 'unanswered' ? undefined : bytes,
    isOtherSize: state === 'other size',
  };
}

import { hash } from 'node:crypto';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Representation } from './representations.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.ts';

/** A representation as it goes out. */
export interface Body {
  readonly bytes: Buffer;
  /** A strong validator (RFC 9110, 8.8.3). */
  readonly etag: string;
}

/** The bodies of one snapshot at a time: each built once, kept while there is room, all forgotten with the snapshot. */
export interface Bodies {
  index(snapshot: Snapshot): SnapshotIndex;
  /** The body of that key for the snapshot of the last `index` call. */
  get(key: string, represent: () => Representation): Body;
}

const ROOM_BYTES = 128 * 1024 * 1024;

export function createBodies(): Bodies {
  let index: SnapshotIndex | undefined;
  let bodies = new Map<string, Body>();
  let keptBytes = 0;
  return {
    index(snapshot) {
      if (index?.snapshot === snapshot) return index;
      index = indexSnapshot(snapshot);
      bodies = new Map();
      keptBytes = 0;
      return index;
    },
    get(key, represent) {
      const kept = bodies.get(key);
      if (kept !== undefined) return kept;
      const body = toBody(represent());
      if (body.bytes.length > ROOM_BYTES) return body;
      for (const [oldest, { bytes }] of bodies) {
        if (keptBytes + body.bytes.length <= ROOM_BYTES) break;
        bodies.delete(oldest);
        keptBytes -= bytes.length;
      }
      bodies.set(key, body);
      keptBytes += body.bytes.length;
      return body;
    },
  };
}

export function toBody(representation: Representation): Body {
  const bytes = Buffer.from(JSON.stringify(representation));
  return { bytes, etag: `"${hash('sha256', bytes, 'base64url')}"` };
}

/** Whether an `If-None-Match` names the body: a list or `*`, compared weakly (RFC 9110, 13.1.2). */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

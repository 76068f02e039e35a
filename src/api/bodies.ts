import { hash } from 'node:crypto';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Representation } from './representations.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.ts';

/** A representation as it goes out. */
export interface Body {
  readonly bytes: Buffer;
  /** The same, as it is cheapest to send: a short text goes out in one piece with the headers. */
  readonly payload: string | Buffer;
  /** A strong validator (RFC 9110, 8.8.3). */
  readonly etag: string;
}

/** A snapshot as it is answered: its names looked up, and each body built once and kept while there is room. */
export interface AnsweredSnapshot {
  readonly index: SnapshotIndex;
  body(key: string, represent: () => Representation): Body;
}

const ROOM_BYTES = 128 * 1024 * 1024;
/** What a kept body costs besides its bytes: its key, its entry, its buffer. */
const OVERHEAD_BYTES = 1024;

/** What is kept of a snapshot goes with it: a snapshot that nobody else holds is not held here. */
export function createAnswers(): (snapshot: Snapshot) => AnsweredSnapshot {
  const answers = new WeakMap<Snapshot, AnsweredSnapshot>();
  return (snapshot) => {
    const known = answers.get(snapshot) ?? { index: indexSnapshot(snapshot), body: createBodies() };
    answers.set(snapshot, known);
    return known;
  };
}

function createBodies(): AnsweredSnapshot['body'] {
  const bodies = new Map<string, Body>();
  let keptBytes = 0;
  const cost = ({ bytes }: Body): number => bytes.length + OVERHEAD_BYTES;
  return (key, represent) => {
    const kept = bodies.get(key);
    if (kept !== undefined) return kept;
    const body = toBody(represent());
    if (cost(body) > ROOM_BYTES) return body;
    for (const [oldest, old] of bodies) {
      if (keptBytes + cost(body) <= ROOM_BYTES) break;
      bodies.delete(oldest);
      keptBytes -= cost(old);
    }
    bodies.set(key, body);
    keptBytes += cost(body);
    return body;
  };
}

/** A longer text costs more to encode with every answer than a write of its own does. */
const LONGEST_TEXT_BYTES = 8192;

export function toBody(representation: Representation): Body {
  const text = JSON.stringify(representation);
  const bytes = Buffer.from(text);
  return {
    bytes,
    payload: bytes.length < LONGEST_TEXT_BYTES ? text : bytes,
    etag: `"${hash('sha256', bytes, 'base64url')}"`,
  };
}

/** Whether an `If-None-Match` names the body: a list or `*`, compared weakly (RFC 9110, 13.1.2). */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

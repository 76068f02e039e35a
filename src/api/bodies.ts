import { hash } from 'node:crypto';
import type { Snapshot } from '../domain/snapshot.ts';
import { type Coding, encode } from './encodings.ts';
import type { Representation } from './representations.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.ts';

/** A representation as it goes out. */
export interface Body {
  readonly bytes: Buffer;
  /** The same, as it is cheapest to send: a short text goes out in one piece with the headers. */
  readonly payload: string | Buffer;
  /** A strong validator (RFC 9110, 8.8.3), without the quotes around it. */
  readonly etag: string;
  /** The same, compressed: done once. */
  encoded(coding: Coding): Promise<Buffer>;
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

/** The compressed ones have no room of their own: they are kept with what they were made of, and go with it. */
function createBodies(): AnsweredSnapshot['body'] {
  const bodies = new Map<string, { readonly body: Body; costBytes: number }>();
  let keptBytes = 0;

  function makeRoom(): void {
    for (const [oldest, { costBytes }] of bodies) {
      if (keptBytes <= ROOM_BYTES) return;
      bodies.delete(oldest);
      keptBytes -= costBytes;
    }
  }

  return (key, represent) => {
    const kept = bodies.get(key);
    if (kept !== undefined) return kept.body;
    const body = toBody(represent(), (bytes) => {
      if (bodies.get(key) !== fresh) return;
      fresh.costBytes += bytes;
      keptBytes += bytes;
      makeRoom();
    });
    const fresh = { body, costBytes: body.bytes.length + OVERHEAD_BYTES };
    if (fresh.costBytes > ROOM_BYTES) return body;
    bodies.set(key, fresh);
    keptBytes += fresh.costBytes;
    makeRoom();
    return body;
  };
}

/** A longer text costs more to encode with every answer than a write of its own does. */
const LONGEST_TEXT_BYTES = 8192;

/** @param noteEncoded hears how many bytes more are held, each time that something was compressed */
export function toBody(representation: Representation, noteEncoded?: (bytes: number) => void): Body {
  const text = JSON.stringify(representation);
  const bytes = Buffer.from(text);
  return {
    bytes,
    payload: bytes.length < LONGEST_TEXT_BYTES ? text : bytes,
    etag: hash('sha256', bytes, 'base64url'),
    encoded: encodedOnce(bytes, noteEncoded),
  };
}

function encodedOnce(bytes: Buffer, noteEncoded?: (bytes: number) => void): Body['encoded'] {
  const made = new Map<Coding, Promise<Buffer>>();
  return (coding) => {
    const known = made.get(coding);
    if (known !== undefined) return known;
    const encoding = encode(bytes, coding);
    made.set(coding, encoding);
    encoding.then(
      ({ length }) => noteEncoded?.(length),
      () => made.delete(coding),
    );
    return encoding;
  };
}

/** Whether an `If-None-Match` names the body: a list or `*`, compared weakly (RFC 9110, 13.1.2). */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

import { hash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Representation } from '../../api/hal/representation.ts';
import { createByteLru } from '../../lib/byte-lru.ts';
import { createSerialQueue } from '../../lib/serial-queue.ts';
import { type ContentCoding, encode } from './content-coding.ts';
import { jsonParts, PART_LENGTH } from './json-stream.ts';
import { createLargeBody } from './large-body.ts';

/** A representation as it goes out. */
export interface Body {
  /** A strong validator (RFC 9110, 8.8.3), without the quotes around it. */
  readonly etag: string;
  /** Whether it is too short for a coding to make it shorter. */
  readonly isShort: boolean;
  content(coding: ContentCoding | undefined): Content | Promise<Content>;
}

/** A short one in one piece; a long one as parts. */
export type Content = string | Buffer | LongContent;

export interface LongContent {
  /** In bytes, where that is known before all of it has been made. */
  readonly length: number | undefined;
  /** All of it, where it is there and not too long to be given to a socket at once: one that encrypts would make a copy. */
  readonly whole?: Buffer;
  readonly open: () => Readable;
}

/** The bodies of one snapshot, each built once and kept while there is room. */
export type Bodies = (key: string, represent: () => Representation) => Body;

/** Of a snapshot: what it has been asked for takes no more. The tree of 100,000 tags has 50 MB, with links 100. */
const ROOM_BYTES = 256 * 1024 * 1024;

export function createBodies(roomBytes = ROOM_BYTES): Bodies {
  const kept = createByteLru<Body>(roomBytes);
  // Several large bodies at once would take as long, and more memory.
  const inTurn = createSerialQueue();
  const snapshot = randomUUID();
  return (key, represent) => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const noteBytes = (bytes: number): boolean => kept.grow(key, fresh, bytes);
    const [first = Buffer.alloc(0)] = jsonParts(represent());
    const isBig = first.length >= PART_LENGTH;
    const fresh: Body = isBig
      ? // What is represented does not change: this names it before its bytes are there.
        createLargeBody({ etag: hash('sha256', `${snapshot} ${key}`, 'base64url'), represent, inTurn, noteBytes })
      : smallBody(first, noteBytes);
    kept.set(key, fresh, isBig ? 0 : first.length);
    return fresh;
  };
}

/** One that is not kept. */
export function toBody(representation: Representation): Body {
  return bodyOf(Buffer.from(JSON.stringify(representation)));
}

/** The same of bytes that are there already. */
export function bodyOf(bytes: Buffer): Body {
  return smallBody(bytes, () => true);
}

/** A shorter one becomes hardly shorter. */
const LEAST_ENCODED_BYTES = 1024;
/** A longer text costs more to encode with every answer than a write of its own does: a short one goes out in one piece with the headers. */
const LONGEST_TEXT_BYTES = 8192;

/** @param noteBytes hears how many bytes more are held, each time that something was compressed */
function smallBody(bytes: Buffer, noteBytes: (bytes: number) => boolean): Body {
  const payload = bytes.length < LONGEST_TEXT_BYTES ? bytes.toString() : bytes;
  const made = new Map<ContentCoding, Promise<Buffer>>();
  return {
    etag: hash('sha256', bytes, 'base64url'),
    isShort: bytes.length < LEAST_ENCODED_BYTES,
    content(coding) {
      if (coding === undefined) return payload;
      const known = made.get(coding);
      if (known !== undefined) return known;
      const encoded = encode(bytes, coding);
      made.set(coding, encoded);
      encoded.then(
        ({ length }) => noteBytes(length),
        () => made.delete(coding),
      );
      return encoded;
    },
  };
}

/** Whether an `If-None-Match` names the body: a list or `*`, compared weakly (RFC 9110, 13.1.2). */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

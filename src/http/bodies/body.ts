import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Job } from '../work/bounded-work.ts';
import { type ContentCoding, encode } from './content-coding.ts';

/** A representation as it is sent. */
export interface Body {
  /** A strong validator (RFC 9110, 8.8.3), without the quotes around it. */
  readonly etag: string;
  /** Whether it is too short for a coding to make it shorter. */
  readonly isShort: boolean;
  /** @param job of the request that the body is sent to: a large body is generated as a part of its work */
  content(coding: ContentCoding | undefined, job: Job): Content | Promise<Content>;
}

/** A short body is one piece; a long one comes in parts. */
export type Content = string | Buffer | LongContent;

export interface LongContent {
  /** In bytes; undefined if it is not known before the whole body has been generated. */
  readonly length: number | undefined;
  /** The whole body, if it is in memory and short enough to be written at once: a TLS socket would copy it. */
  readonly whole?: Buffer;
  /** Throws a `WorkRefused` if too many bodies are being generated for their clients. */
  readonly open: () => Readable;
}

/** Returns the body of a representation; it is not kept. */
export function toBody(representation: object): Body {
  return bodyOf(Buffer.from(JSON.stringify(representation)));
}

/** Returns the body with these bytes; its ETag is their hash. */
export function bodyOf(bytes: Buffer): Body {
  return createSmallBody(bytes, { etag: hash('sha256', bytes, 'base64url'), noteBytes: () => true });
}

/** A coding hardly shortens fewer bytes. */
const LEAST_ENCODED_BYTES = 1024;
/** A short text is sent in one write with the headers. A longer text costs more to encode for each response than a second write does. */
const LONGEST_TEXT_BYTES = 8192;

export interface SmallBodyOptions {
  readonly etag: string;
  /** Called with the number of further bytes in memory after each compression. */
  readonly noteBytes: (bytes: number) => boolean;
}

/** Returns a body in one piece. Each coding is applied once. */
export function createSmallBody(bytes: Buffer, { etag, noteBytes }: SmallBodyOptions): Body {
  const payload = bytes.length < LONGEST_TEXT_BYTES ? bytes.toString() : bytes;
  const encodedBy = new Map<ContentCoding, Promise<Buffer>>();
  return {
    etag,
    isShort: bytes.length < LEAST_ENCODED_BYTES,
    content(coding) {
      if (coding === undefined) return payload;
      const known = encodedBy.get(coding);
      if (known !== undefined) return known;
      const encoded = encode(bytes, coding);
      encodedBy.set(coding, encoded);
      encoded.then(
        ({ length }) => noteBytes(length),
        () => encodedBy.delete(coding),
      );
      return encoded;
    },
  };
}

/** Tells whether an `If-None-Match` header, a list or `*`, names the ETag. ETags are compared weakly (RFC 9110, 13.1.2). */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);
}

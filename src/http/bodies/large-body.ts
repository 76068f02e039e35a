import type { SerialQueue } from '../../lib/serial-queue.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Body, Content } from './body.ts';
import { type ContentCoding, encoding, readParts } from './content-coding.ts';
import { jsonParts } from './json-stream.ts';

export interface LargeBodyOptions {
  readonly etag: string;
  readonly represent: () => object;
  /** Runs one task after another: several large bodies at once would take as long, and more memory. */
  readonly oneAtATime: SerialQueue;
  /** Called with the change of the bytes in memory; returns false if there is no space for them. */
  readonly noteBytes: (bytes: number) => boolean;
}

/** A cached body: its parts, and the whole body if it is not too long. */
interface CachedBytes {
  readonly parts: readonly Buffer[];
  readonly whole?: Buffer;
}

/**
 * Returns a body of more than one part. The body is generated part by part, with other requests served in between, and cached, so that its length
 * is known and it can be sent again. If there is no space for it, it is generated anew for each request, and never faster than the client reads.
 */
export function createLargeBody({ etag, represent, oneAtATime, noteBytes }: LargeBodyOptions): Body {
  const cached = new Map<ContentCoding | undefined, Promise<CachedBytes | undefined>>();
  const generate = (): Iterable<Buffer> => jsonParts(represent());

  /** Returns undefined if there is no space. */
  function bytesIn(coding: ContentCoding | undefined): Promise<CachedBytes | undefined> {
    const known = cached.get(coding);
    if (known !== undefined) return known;
    const pending = coding === undefined ? oneAtATime(() => collect(inSlices(generate()))) : encoded(coding);
    cached.set(coding, pending);
    pending.catch(() => cached.delete(coding));
    return pending;
  }

  async function encoded(coding: ContentCoding): Promise<CachedBytes | undefined> {
    const plain = await bytesIn(undefined);
    return plain && collect(encoding(plain.parts, coding));
  }

  async function collect(source: AsyncIterable<Buffer>): Promise<CachedBytes | undefined> {
    const held: Buffer[] = [];
    let heldBytes = 0;
    let isComplete = false;
    try {
      for await (const part of inPieces(source)) {
        if (!noteBytes(part.length)) return undefined;
        heldBytes += part.length;
        held.push(part);
      }
      isComplete = true;
      return heldBytes > MOST_BYTES_AT_ONCE ? { parts: held } : inOnePiece(held);
    } finally {
      if (!isComplete) noteBytes(-heldBytes);
    }
  }

  return {
    etag,
    isShort: false,
    async content(coding): Promise<Content> {
      const bytes = await bytesIn(coding);
      if (bytes === undefined) return { length: undefined, open: () => open(generate(), coding) };
      const { parts, whole } = bytes;
      if (whole !== undefined && parts.length === 1) return whole;
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      return { length, ...(whole && { whole }), open: () => readParts(parts) };
    },
  };
}

function open(parts: Iterable<Buffer>, coding: ContentCoding | undefined) {
  return coding === undefined ? readParts(parts) : encoding(parts, coding);
}

async function* inSlices(parts: Iterable<Buffer>): AsyncGenerator<Buffer, void> {
  for (const part of parts) {
    yield part;
    await yieldToEventLoop();
  }
}

/** Up to this length a body is written at once: writing it in pieces costs a fifth of the request rate. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;
/** The length of a piece of a longer body. Shorter pieces cost more writes, longer ones more memory for each slow client over TLS. */
const PIECE_BYTES = 1024 * 1024;

/** Returns the whole body, and its parts as views of the same memory. */
function inOnePiece(parts: readonly Buffer[]): CachedBytes {
  const whole = Buffer.concat(parts);
  const count = Math.ceil(whole.length / PIECE_BYTES);
  return {
    whole,
    parts: Array.from({ length: count }, (_, i) => whole.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  };
}

async function* inPieces(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const part of parts) {
    waiting.push(part);
    bytes += part.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(waiting);
    [waiting, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(waiting);
}

import type { Representation } from '../../api/hal/representation.ts';
import type { SerialQueue } from '../../lib/serial-queue.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { Body, Content } from './body-cache.ts';
import { type ContentCoding, encoding, readParts } from './content-coding.ts';
import { jsonParts } from './json-stream.ts';

export interface LargeBodyOptions {
  readonly etag: string;
  readonly represent: () => Representation;
  readonly inTurn: SerialQueue;
  /** Hears how many bytes more are held, or less; false where there is no room for them. */
  readonly noteBytes: (bytes: number) => boolean;
}

/** What is kept: its parts, and all of it where it is not too long. */
interface Kept {
  readonly parts: readonly Buffer[];
  readonly whole?: Buffer;
}

/**
 * A body of more than a part. It is made part by part, others being answered in between, and kept: for its length, and to be sent again. One
 * that there is no room for is made anew for everybody who asks, and never faster than it is read.
 */
export function createLargeBody({ etag, represent, inTurn, noteBytes }: LargeBodyOptions): Body {
  const kept = new Map<ContentCoding | undefined, Promise<Kept | undefined>>();
  const anew = (): Iterable<Buffer> => jsonParts(represent());

  /** Undefined where there is no room. */
  function keptIn(coding: ContentCoding | undefined): Promise<Kept | undefined> {
    const known = kept.get(coding);
    if (known !== undefined) return known;
    const made = coding === undefined ? inTurn(() => keep(inSlices(anew()))) : encoded(coding);
    kept.set(coding, made);
    made.catch(() => kept.delete(coding));
    return made;
  }

  async function encoded(coding: ContentCoding): Promise<Kept | undefined> {
    const plain = await keptIn(undefined);
    return plain && keep(encoding(plain.parts, coding));
  }

  async function keep(source: AsyncIterable<Buffer>): Promise<Kept | undefined> {
    const held: Buffer[] = [];
    let heldBytes = 0;
    let isKept = false;
    try {
      for await (const part of inPieces(source)) {
        if (!noteBytes(part.length)) return undefined;
        heldBytes += part.length;
        held.push(part);
      }
      isKept = true;
      return heldBytes > MOST_BYTES_AT_ONCE ? { parts: held } : inOnePiece(held);
    } finally {
      if (!isKept) noteBytes(-heldBytes);
    }
  }

  return {
    etag,
    isShort: false,
    async content(coding): Promise<Content> {
      const held = await keptIn(coding);
      if (held === undefined) return { length: undefined, open: () => open(anew(), coding) };
      const { parts, whole } = held;
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

/** A piece after the other costs a fifth of the rate, where many ask for what is small enough to be sent often. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;
/** What is written at once else. Less of it costs more writes, and more of it memory, for everybody who reads slowly over TLS. */
const PIECE_BYTES = 1024 * 1024;

/** The parts are of the same memory. */
function inOnePiece(parts: readonly Buffer[]): Kept {
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

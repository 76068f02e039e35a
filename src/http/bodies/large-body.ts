import type { Readable } from 'node:stream';
import type { Resumable } from '../../lib/resumable.ts';
import { createSingleFlight, type SingleFlight } from '../../lib/single-flight.ts';
import type { BoundedWork, Job } from '../work/bounded-work.ts';
import type { Body, Content } from './body.ts';
import { type ContentCoding, encoding, readParts } from './content-coding.ts';
import { jsonInSteps, nextPart } from './json-stream.ts';
import { streamParts } from './stream-parts.ts';

export interface LargeBodyOptions {
  readonly etag: string;
  readonly represent: () => object;
  readonly work: BoundedWork;
  /** Called with the change of the bytes in memory; returns false if there is no space for them. */
  readonly noteBytes: (bytes: number) => boolean;
}

/** A cached body: its parts, and the whole body if it is not too long. */
interface CachedBytes {
  readonly parts: readonly Buffer[];
  readonly whole?: Buffer;
}

/** The bytes in one coding. */
interface Variant {
  /** Undefined until the bytes have been generated; `bytes` is undefined if there is no space for them. */
  known: { readonly bytes: CachedBytes | undefined } | undefined;
  readonly flight: SingleFlight<CachedBytes | undefined>;
}

/**
 * Returns a body of more than one part. The body is generated in time slices, and cached, so that its length is known and it can be sent again. All
 * requests that wait for it share one generation; it ends when the last of them has gone. If there is no space for it, it is generated anew for each
 * request, and never faster than the client reads.
 */
export function createLargeBody({ etag, represent, work, noteBytes }: LargeBodyOptions): Body {
  const variants = new Map<ContentCoding | undefined, Variant>();

  function variantIn(coding: ContentCoding | undefined): Variant {
    const variant = variants.get(coding) ?? { known: undefined, flight: createSingleFlight(() => false) };
    variants.set(coding, variant);
    return variant;
  }

  async function generate(coding: ContentCoding | undefined, job: Job): Promise<CachedBytes | undefined> {
    const variant = variantIn(coding);
    if (variant.known !== undefined) return variant.known.bytes;
    const bytes = await variant.flight.ask(job.signal, (signal) =>
      coding === undefined
        ? work.hold({ key: job.key, signal }, (run) => run(collectText(represent, noteBytes), signal))
        : encoded(coding, { key: job.key, signal }),
    );
    variant.known = { bytes };
    return bytes;
  }

  async function encoded(coding: ContentCoding, job: Job): Promise<CachedBytes | undefined> {
    const plain = await generate(undefined, job);
    return plain && work.hold(job, () => collect(encoding(plain.parts, coding), noteBytes, job.signal));
  }

  function open(coding: ContentCoding | undefined, job: Job): Readable {
    const parts = jsonInSteps(represent());
    return streamParts(() => nextPart(parts), { work, job, coding });
  }

  return {
    etag,
    isShort: false,
    async content(coding, job): Promise<Content> {
      const bytes = await generate(coding, job);
      if (bytes === undefined) return { length: undefined, open: () => open(coding, job) };
      const { parts, whole } = bytes;
      if (whole !== undefined && parts.length === 1) return whole;
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      return { length, ...(whole && { whole }), open: () => readParts(parts) };
    },
  };
}

type NoteBytes = LargeBodyOptions['noteBytes'];

/** Generates the whole text. Returns undefined as soon as there is no space for it. */
function* collectText(represent: () => object, noteBytes: NoteBytes): Resumable<CachedBytes | undefined> {
  const held = createHeldBytes(noteBytes);
  const parts = jsonInSteps(represent());
  try {
    for (;;) {
      const part = yield* nextPart(parts);
      if (part === undefined) return held.complete();
      if (!held.add(part)) return undefined;
      yield;
    }
  } finally {
    held.freeIfIncomplete();
  }
}

async function collect(
  source: AsyncIterable<Buffer>,
  noteBytes: NoteBytes,
  signal: AbortSignal,
): Promise<CachedBytes | undefined> {
  const held = createHeldBytes(noteBytes);
  try {
    for await (const part of source) {
      signal.throwIfAborted();
      if (!held.add(part)) return undefined;
    }
    return held.complete();
  } finally {
    held.freeIfIncomplete();
  }
}

/** Up to this length a body is written at once: writing it in pieces costs a fifth of the request rate. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;
/** The length of a piece of a longer body. Shorter pieces cost more writes, longer ones more memory for each slow client over TLS. */
const PIECE_BYTES = 1024 * 1024;

/** Collects parts, and joins them to pieces. */
function createHeldBytes(noteBytes: NoteBytes) {
  const pieces: Buffer[] = [];
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let heldBytes = 0;
  let isComplete = false;

  /** Returns false if there is no space. */
  function joinWaiting(): boolean {
    if (!noteBytes(waitingBytes)) return false;
    heldBytes += waitingBytes;
    pieces.push(Buffer.concat(waiting));
    [waiting, waitingBytes] = [[], 0];
    return true;
  }

  return {
    add(part: Buffer): boolean {
      waiting.push(part);
      waitingBytes += part.length;
      return waitingBytes < PIECE_BYTES || joinWaiting();
    },
    complete(): CachedBytes | undefined {
      if (waitingBytes > 0 && !joinWaiting()) return undefined;
      isComplete = true;
      return heldBytes > MOST_BYTES_AT_ONCE ? { parts: pieces } : inOnePiece(pieces);
    },
    freeIfIncomplete(): void {
      if (!isComplete) noteBytes(-heldBytes);
    },
  };
}

/** Returns the whole body, and its parts as views of the same memory. */
function inOnePiece(parts: readonly Buffer[]): CachedBytes {
  const whole = Buffer.concat(parts);
  const count = Math.ceil(whole.length / PIECE_BYTES);
  return {
    whole,
    parts: Array.from({ length: count }, (_, i) => whole.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES)),
  };
}

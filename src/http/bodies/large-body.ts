import type { Readable } from 'node:stream';
import type { Resumable } from '../../lib/resumable.ts';
import { type SharedTask, startSharedTask } from '../../lib/shared-task.ts';
import type { BoundedWork, Job, RunSteps } from '../work/bounded-work.ts';
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
  known?: { readonly bytes: CachedBytes | undefined };
  generation?: SharedTask<CachedBytes | undefined>;
}

/**
 * Returns a body of more than one part. The body is generated in time slices, and cached, so that its length is known and it can be sent again. All
 * requests that wait for it share one generation, which ends when the last of them has gone. If there is no space for it, it is generated anew for
 * each request, and never faster than the client reads.
 */
export function createLargeBody(options: LargeBodyOptions): Body {
  const { etag, represent, work } = options;
  const bytesIn = createVariants(options);

  function open(coding: ContentCoding | undefined, job: Job): Readable {
    const parts = jsonInSteps(represent());
    return streamParts(() => nextPart(parts), { work, job, coding });
  }

  return {
    etag,
    isShort: false,
    async content(coding, job): Promise<Content> {
      const bytes = await bytesIn(coding, job);
      if (bytes === undefined) return { length: undefined, open: () => open(coding, job) };
      const { parts, whole } = bytes;
      if (whole !== undefined && parts.length === 1) return whole;
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      return { length, ...(whole && { whole }), open: () => readParts(parts) };
    },
  };
}

type BytesIn = (coding: ContentCoding | undefined, job: Job) => Promise<CachedBytes | undefined>;

/** Returns a function that returns the bytes in a coding, from the cache if possible; undefined if there is no space for them. */
function createVariants({ represent, work, noteBytes }: LargeBodyOptions): BytesIn {
  const variants = new Map<ContentCoding | undefined, Variant>();

  function variantIn(coding: ContentCoding | undefined): Variant {
    const variant = variants.get(coding) ?? {};
    variants.set(coding, variant);
    return variant;
  }

  function runningIn({ generation }: Variant): Variant['generation'] {
    return generation?.isAbandoned() ? undefined : generation;
  }

  /** Returns the generation that is running, or starts one. */
  function generationIn(coding: ContentCoding | undefined, run: RunSteps): SharedTask<CachedBytes | undefined> {
    const variant = variantIn(coding);
    const running = runningIn(variant);
    if (running !== undefined) return running;
    const generation = startSharedTask((signal) => generate(coding, run, signal));
    variant.generation = generation;
    void generation.ended.then(() => {
      if (variant.generation === generation) delete variant.generation;
    });
    return generation;
  }

  async function generate(
    coding: ContentCoding | undefined,
    run: RunSteps,
    signal: AbortSignal,
  ): Promise<CachedBytes | undefined> {
    const bytes =
      coding === undefined ? await run(collectText(represent, noteBytes), signal) : await encoded(coding, run, signal);
    variantIn(coding).known = { bytes };
    return bytes;
  }

  async function encoded(coding: ContentCoding, run: RunSteps, signal: AbortSignal): Promise<CachedBytes | undefined> {
    const { known } = variantIn(undefined);
    const plain = known === undefined ? await generationIn(undefined, run).join(signal) : known.bytes;
    return plain && collect(encoding(plain.parts, coding), noteBytes, signal);
  }

  /** A request starts a generation only when it has a place: others would wait for it as long as it waits. */
  return async function bytesIn(coding, job) {
    const variant = variantIn(coding);
    if (variant.known !== undefined) return variant.known.bytes;
    const running = runningIn(variant);
    if (running !== undefined) return running.join(job.signal);
    return work.hold(job, async (run) => {
      if (variant.known !== undefined) return variant.known.bytes;
      const generation = generationIn(coding, run);
      return generation.join(job.signal).finally(() => generation.ended);
    });
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

import { createPrioritySemaphore, type SlotRequest } from '../../lib/priority-semaphore.ts';
import type { SteadyClock } from '../../ports.ts';
import { createAimdLimit } from './aimd-limit.ts';
import { createBackpressure } from './backpressure.ts';
import { createLatencyMonitor } from './latency-monitor.ts';
import { createTokenBucket } from './token-bucket.ts';

export interface RequestPacingOptions {
  /** Requests in flight at once, however bad it goes, and while this process is busy. */
  readonly concurrencyMin: number;
  /** Requests in flight at once, however well it goes. */
  readonly concurrencyMax: number;
  /** 0 is no cap. */
  readonly requestsPerSecond: number;
  readonly steadyClock: SteadyClock;
  /** Whether many wait for this process: an answer that comes together with others keeps them waiting. Never by default. */
  readonly isBusy?: () => boolean;
}

/** What the end of a request says of the server's load. */
export type Load =
  | { readonly kind: 'fine' }
  /** The server asks for less, and perhaps for so long a rest. */
  | { readonly kind: 'refused'; readonly askedMs: number | undefined }
  /** It could not answer, or not in time. */
  | { readonly kind: 'overloaded' }
  | { readonly kind: 'unknown' };

/** When the next request may go out: as many at once as the servers take, and as many a second as the operator allows. */
export interface RequestPacing {
  /** Waits until one more request may go out, and gives the time at which it does. Throws the signal's reason where that comes first. */
  begin(request: SlotRequest): Promise<number>;
  /** Each request that began ends once. */
  end(startedAt: number, load: Load): void;
  /** It turned out that a request which has ended met an overload. */
  wasOverloaded(startedAt: number): void;
  /** How many requests may be in flight at present. */
  concurrency(): number;
}

export function createRequestPacing(options: RequestPacingOptions): RequestPacing {
  const { concurrencyMin, concurrencyMax, requestsPerSecond, steadyClock, isBusy = () => false } = options;
  const concurrency = createAimdLimit({ least: concurrencyMin, most: concurrencyMax });
  const latency = createLatencyMonitor();
  const pause = createBackpressure();
  const rateCap = createTokenBucket(requestsPerSecond);
  const limit = (): number => (isBusy() ? concurrencyMin : concurrency.limit());
  const slots = createPrioritySemaphore({
    waitMs(inUse) {
      if (inUse >= limit()) return Number.POSITIVE_INFINITY;
      const now = steadyClock();
      return Math.max(pause.remainingMs(now), rateCap.waitMs(now));
    },
    enter: () => rateCap.take(steadyClock()),
  });

  function learn(startedAt: number, load: Load): void {
    const now = steadyClock();
    if (load.kind === 'unknown') return;
    if (load.kind === 'fine') pause.answered();
    if (load.kind === 'refused') pause.refused(now, load.askedMs);
    const isTrouble = load.kind !== 'fine' || latency.isOutOfLine(startedAt, now, concurrency.limit());
    if (isTrouble) concurrency.trouble(startedAt, now, slots.inUse());
    else concurrency.fine(slots.inUse());
  }

  return {
    async begin(request) {
      await slots.acquire(request);
      return steadyClock();
    },
    end(startedAt, load) {
      learn(startedAt, load);
      slots.release();
    },
    wasOverloaded: (startedAt) => concurrency.trouble(startedAt, steadyClock(), slots.inUse() + 1),
    concurrency: limit,
  };
}

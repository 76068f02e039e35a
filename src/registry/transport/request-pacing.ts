import { createPrioritySemaphore, type SlotRequest } from '../../lib/priority-semaphore.ts';
import type { SteadyClock } from '../../ports.ts';
import { createAimdLimit } from './aimd-limit.ts';
import { createBackpressure } from './backpressure.ts';
import { createLatencyMonitor } from './latency-monitor.ts';
import { createTokenBucket } from './token-bucket.ts';

export interface RequestPacingOptions {
  /** The lowest limit of concurrent requests, also used while this process is busy. */
  readonly concurrencyMin: number;
  /** The highest limit of concurrent requests. */
  readonly concurrencyMax: number;
  /** 0 means no limit. */
  readonly requestsPerSecond: number;
  readonly steadyClock: SteadyClock;
  /** Whether many clients wait for this process: then fewer responses should arrive at once. By default never. */
  readonly isBusy?: () => boolean;
}

/** What the end of a request shows about the load of the server. */
export type Load =
  | { readonly kind: 'fine' }
  /** The server asks for fewer requests, and possibly for a pause of this length. */
  | { readonly kind: 'refused'; readonly askedMs: number | undefined }
  /** The server could not answer, or not in time. */
  | { readonly kind: 'overloaded' }
  | { readonly kind: 'unknown' };

/** Decides when the next request may be sent: limits concurrency by the servers' load, and the rate by the operator's setting. */
export interface RequestPacing {
  /** Waits until a request may be sent, and returns the time. Throws the signal's reason if it is aborted first. */
  begin(request: SlotRequest): Promise<number>;
  /** Ends a request; called once for each that began. */
  end(startedAt: number, load: Load): void;
  /** Reports afterwards that an ended request met an overload. */
  reportOverload(startedAt: number): void;
  /** The current limit of concurrent requests. */
  concurrency(): number;
}

export function createRequestPacing(options: RequestPacingOptions): RequestPacing {
  const { concurrencyMin, concurrencyMax, requestsPerSecond, steadyClock, isBusy = () => false } = options;
  const aimdLimit = createAimdLimit({ least: concurrencyMin, most: concurrencyMax });
  const latency = createLatencyMonitor();
  const backpressure = createBackpressure();
  const tokenBucket = createTokenBucket(requestsPerSecond);
  const limit = (): number => (isBusy() ? concurrencyMin : aimdLimit.limit());
  const semaphore = createPrioritySemaphore({
    waitMs(inUse) {
      if (inUse >= limit()) return Number.POSITIVE_INFINITY;
      const now = steadyClock();
      return Math.max(backpressure.remainingMs(now), tokenBucket.waitMs(now));
    },
    enter: () => tokenBucket.take(steadyClock()),
  });

  function recordEnd(startedAt: number, load: Load): void {
    const now = steadyClock();
    if (load.kind === 'unknown') return;
    if (load.kind === 'fine') backpressure.answered();
    if (load.kind === 'refused') backpressure.refused(now, load.askedMs);
    const isTrouble = load.kind !== 'fine' || latency.isOutOfLine(startedAt, now, aimdLimit.limit());
    if (isTrouble) aimdLimit.trouble(startedAt, now, semaphore.inUse());
    else aimdLimit.fine(semaphore.inUse());
  }

  return {
    async begin(request) {
      await semaphore.acquire(request);
      return steadyClock();
    },
    end(startedAt, load) {
      recordEnd(startedAt, load);
      semaphore.release();
    },
    reportOverload: (startedAt) => aimdLimit.trouble(startedAt, steadyClock(), semaphore.inUse() + 1),
    concurrency: limit,
  };
}

import { createSlots, type Turn } from '../../lib/priority-semaphore.ts';
import type { SteadyClock } from '../../ports.ts';
import { createConcurrency } from './aimd-limit.ts';
import { createPause } from './backpressure.ts';
import { createLatency } from './latency-monitor.ts';
import { createRateCap } from './token-bucket.ts';

export interface PaceOptions {
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
export interface Pace {
  /** Waits until one more request may go out, and gives the time at which it does. Throws the signal's reason where that comes first. */
  begin(turn: Turn): Promise<number>;
  /** Each request that began ends once. */
  end(startedAt: number, load: Load): void;
  /** It turned out that a request which has ended met an overload. */
  wasOverloaded(startedAt: number): void;
  /** How many requests may be in flight at present. */
  concurrency(): number;
}

export function createPace(options: PaceOptions): Pace {
  const { concurrencyMin, concurrencyMax, requestsPerSecond, steadyClock, isBusy = () => false } = options;
  const concurrency = createConcurrency({ least: concurrencyMin, most: concurrencyMax });
  const latency = createLatency();
  const pause = createPause();
  const rateCap = createRateCap(requestsPerSecond);
  const limit = (): number => (isBusy() ? concurrencyMin : concurrency.limit());
  const slots = createSlots({
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
    async begin(turn) {
      await slots.take(turn);
      return steadyClock();
    },
    end(startedAt, load) {
      learn(startedAt, load);
      slots.give();
    },
    wasOverloaded: (startedAt) => concurrency.trouble(startedAt, steadyClock(), slots.inUse() + 1),
    concurrency: limit,
  };
}

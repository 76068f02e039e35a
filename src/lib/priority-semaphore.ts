export interface SlotRequest {
  readonly signal: AbortSignal;
  /** Whether other requests depend on this one. It then goes before all that are not vital. */
  readonly isVital: boolean;
}

/** A semaphore whose limit may change, with two priorities; callers of the same priority get their slots in order. */
export interface PrioritySemaphore {
  /** Resolves when the caller has a slot; the caller must then call `release`. Rejects with the signal's reason if it is aborted first. */
  acquire(request: SlotRequest): Promise<void>;
  release(): void;
  inUse(): number;
}

/** Decides when the next caller gets a slot. */
export interface Gate {
  /** Returns the milliseconds until one more slot is free if `inUse` are taken; Infinity if one must be released first. */
  waitMs(inUse: number): number;
  /** Called when a slot is taken. */
  enter(): void;
}

interface Waiter {
  readonly signal: AbortSignal;
  start(): void;
  cancel(): void;
}

export function createPrioritySemaphore(gate: Gate): PrioritySemaphore {
  let inUse = 0;
  let timer: NodeJS.Timeout | undefined;
  const vital = new Set<Waiter>();
  const usual = new Set<Waiter>();
  /** The signals that have a listener: one for all waiters of a crawl, since adding one to an `AbortSignal` searches all that it has. */
  const watched = new WeakSet<AbortSignal>();

  function isOpen(): boolean {
    const waitMs = gate.waitMs(inUse);
    if (waitMs > 0 && Number.isFinite(waitMs)) timer ??= setTimeout(startWaiters, Math.ceil(waitMs));
    return waitMs <= 0;
  }

  function enter(): void {
    inUse++;
    gate.enter();
  }

  function startWaiters(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const lane of [vital, usual]) {
      for (const waiter of lane) {
        if (!isOpen()) return;
        lane.delete(waiter);
        enter();
        waiter.start();
      }
    }
  }

  function watch(signal: AbortSignal): void {
    if (watched.has(signal)) return;
    watched.add(signal);
    const cancelWaiters = (): void => {
      for (const lane of [vital, usual]) {
        for (const waiter of lane) {
          if (waiter.signal === signal && lane.delete(waiter)) waiter.cancel();
        }
      }
      startWaiters(); // also clears the timer if no waiter is left, so that it does not keep the process alive
    };
    signal.addEventListener('abort', cancelWaiters, { once: true });
  }

  return {
    async acquire({ signal, isVital }) {
      signal.throwIfAborted();
      const isFirst = vital.size === 0 && (isVital || usual.size === 0);
      if (isOpen() && isFirst) return enter();
      watch(signal);
      const lane = isVital ? vital : usual;
      await new Promise<void>((start, reject) => lane.add({ signal, start, cancel: () => reject(signal.reason) }));
    },
    release() {
      inUse--;
      startWaiters();
    },
    inUse: () => inUse,
  };
}

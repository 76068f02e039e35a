/** Who wants a slot. */
export interface Turn {
  readonly signal: AbortSignal;
  /** Whether others depend on it: then it waits before all that does not. */
  readonly isVital: boolean;
}

/** So many may be at work at once as the gate lets in; the others wait their turn, in order. */
export interface PrioritySemaphore {
  /** Resolves when there is a slot. Throws the signal's reason where that comes first. */
  take(turn: Turn): Promise<void>;
  give(): void;
  inUse(): number;
}

export interface Gate {
  /** Milliseconds until one more may enter where so many are inside; Infinity where one of them has to leave first. */
  waitMs(inUse: number): number;
  /** One more enters. */
  enter(): void;
}

interface Waiter {
  readonly signal: AbortSignal;
  start(): void;
  leave(): void;
}

export function createPrioritySemaphore(gate: Gate): PrioritySemaphore {
  let inUse = 0;
  let timer: NodeJS.Timeout | undefined;
  const vital = new Set<Waiter>();
  const usual = new Set<Waiter>();
  /** One listener for each: a crawl has hundreds of waiters and one signal, which looks through all its listeners for every change. */
  const watched = new WeakSet<AbortSignal>();

  function isOpen(): boolean {
    const waitMs = gate.waitMs(inUse);
    if (waitMs > 0 && Number.isFinite(waitMs)) timer ??= setTimeout(letIn, Math.ceil(waitMs));
    return waitMs <= 0;
  }

  function enter(): void {
    inUse++;
    gate.enter();
  }

  function letIn(): void {
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
    const leave = (): void => {
      for (const lane of [vital, usual]) {
        for (const waiter of lane) {
          if (waiter.signal === signal && lane.delete(waiter)) waiter.leave();
        }
      }
      letIn(); // where nobody waits any more, no timer may keep the program from ending
    };
    signal.addEventListener('abort', leave, { once: true });
  }

  return {
    async take({ signal, isVital }) {
      signal.throwIfAborted();
      const isFirst = vital.size === 0 && (isVital || usual.size === 0);
      if (isOpen() && isFirst) return enter();
      watch(signal);
      const lane = isVital ? vital : usual;
      await new Promise<void>((start, leave) => lane.add({ signal, start, leave: () => leave(signal.reason) }));
    },
    give() {
      inUse--;
      letIn();
    },
    inUse: () => inUse,
  };
}

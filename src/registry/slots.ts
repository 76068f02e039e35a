/** Who wants a slot. */
export interface Turn {
  readonly signal: AbortSignal;
  /** Whether others depend on it: then it waits before all that does not. */
  readonly isVital: boolean;
}

/** So many may be at work at once as the gate lets in; the others wait their turn, in order. */
export interface Slots {
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

export function createSlots(gate: Gate): Slots {
  let inUse = 0;
  let timer: NodeJS.Timeout | undefined;
  const vital = new Set<() => void>();
  const usual = new Set<() => void>();

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
      for (const start of lane) {
        if (!isOpen()) return;
        lane.delete(start);
        start();
      }
    }
  }

  const queue = (lane: Set<() => void>, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener('abort', leave);
        enter();
        resolve();
      };
      const leave = (): void => {
        lane.delete(start);
        letIn(); // where nobody waits any more, no timer may keep the program from ending
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave);
      lane.add(start);
    });

  return {
    async take({ signal, isVital }) {
      signal.throwIfAborted();
      const isFirst = vital.size === 0 && (isVital || usual.size === 0);
      if (isOpen() && isFirst) enter();
      else await queue(isVital ? vital : usual, signal);
    },
    give() {
      inUse--;
      letIn();
    },
    inUse: () => inUse,
  };
}

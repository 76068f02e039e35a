/** Lets a few through at once, keeps some more waiting, and turns the rest away. */
export interface Turnstile {
  /** Resolves when it is one's turn: then `leave` has to be called. False: there are too many. */
  enter(address: string): Promise<boolean>;
  leave(address: string): void;
}

export interface TurnstileOptions {
  readonly atOnce: number;
  readonly waiting: number;
}

/** However many come from one address, half of the places are for the others. */
export function createTurnstile({ atOnce, waiting }: TurnstileOptions): Turnstile {
  const mostPerAddress = Math.ceil((atOnce + waiting) / 2);
  const queue: (() => void)[] = [];
  const presentByAddress = new Map<string, number>();
  let inside = 0;
  return {
    async enter(address) {
      const present = presentByAddress.get(address) ?? 0;
      if (queue.length >= waiting || present >= mostPerAddress) return false;
      presentByAddress.set(address, present + 1);
      if (inside < atOnce) inside++;
      else await new Promise<void>((resolve) => queue.push(resolve));
      return true;
    },
    leave(address) {
      const present = (presentByAddress.get(address) ?? 1) - 1;
      if (present === 0) presentByAddress.delete(address);
      else presentByAddress.set(address, present);
      const next = queue.shift();
      if (next === undefined) inside--;
      else next();
    },
  };
}

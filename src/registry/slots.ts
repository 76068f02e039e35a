/** So many may be at work at once; the others wait their turn, in order. */
export interface Slots {
  take(): Promise<void>;
  give(): void;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  let next = 0; // taken from the front without shifting the rest
  return {
    async take() {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    },
    give() {
      const first = waiting[next];
      if (first === undefined) {
        waiting.length = 0;
        next = 0;
        free++;
        return;
      }
      next++;
      first();
    },
  };
}

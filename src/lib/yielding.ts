import { setImmediate as turn } from 'node:timers/promises';
import type { Resumable } from './resumable.ts';

/** Whoever waits for this process has a turn after every step. */
export async function inTurns<T>(steps: Resumable<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await turn();
  }
}

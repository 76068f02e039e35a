/** A long computation that stops now and then, so that others may have their turn; what it gives is in its end. */
export type Resumable<T> = Generator<undefined, T, undefined>;

/** All of it without a pause. */
export function atOnce<T>(steps: Resumable<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The positions of so many items, in pieces: whoever goes through them may stop behind each. */
export function* ranges(
  length: number,
  itemsAtOnce: number,
): Generator<{ readonly from: number; readonly to: number }> {
  for (let from = 0; from < length; from += itemsAtOnce) yield { from, to: Math.min(length, from + itemsAtOnce) };
}

/**
 * A long synchronous computation that yields now and then and returns its result at the end. The caller decides what happens between two
 * steps: `runToEnd` continues at once, `runYielding` (yielding.ts) lets the event loop run.
 */
export type Resumable<T> = Generator<undefined, T, undefined>;

/** Runs all steps without a pause and returns the result. */
export function runToEnd<T>(steps: Resumable<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Splits `length` positions into ranges of at most `rangeLength`: from `from` up to but not including `to`. */
export function* ranges(
  length: number,
  rangeLength: number,
): Generator<{ readonly from: number; readonly to: number }> {
  for (let from = 0; from < length; from += rangeLength) yield { from, to: Math.min(length, from + rangeLength) };
}

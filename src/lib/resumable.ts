/**
 * A long synchronous computation that yields after each small step, and returns its result at the end. The caller decides what happens between
 * two steps: `runToEnd` continues at once, `runYielding` (yielding.ts) lets the event loop run, and `TimeSlices` (time-slices.ts) also lets other
 * computations run.
 */
export type Resumable<T> = Generator<undefined, T, undefined>;

/** Runs all steps without a pause and returns the result. */
export function runToEnd<T>(steps: Resumable<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Runs the same steps, and throws the error that `check` returns before one of them. */
export function* checkedSteps<T>(steps: Resumable<T>, check: (stepsDone: number) => Error | undefined): Resumable<T> {
  try {
    for (let done = 0; ; done++) {
      const error = check(done);
      if (error !== undefined) throw error;
      const step = steps.next();
      if (step.done) return step.value;
      yield;
    }
  } finally {
    steps.return(undefined as T);
  }
}

/** Runs the steps until they end, or until `known` returns a value that another computation has found meanwhile. */
export function* unlessKnown<T>(known: () => T | undefined, start: () => Resumable<T>): Resumable<T> {
  const found = known();
  if (found !== undefined) return found;
  const steps = start();
  try {
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
      yield;
      const other = known();
      if (other !== undefined) return other;
    }
  } finally {
    steps.return(undefined as T);
  }
}

/** Splits `length` positions into ranges of at most `rangeLength`: from `from` up to but not including `to`. */
export function* ranges(
  length: number,
  rangeLength: number,
): Generator<{ readonly from: number; readonly to: number }> {
  for (let from = 0; from < length; from += rangeLength) yield { from, to: Math.min(length, from + rangeLength) };
}

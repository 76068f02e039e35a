import type { Resumable } from './resumable.ts';

/* Runs long computations beside everything else that the process does. In each turn of the event loop, all computations together get one time slice:
 *
 *   turn    │ requests │ slice │ requests │ slice │ requests │ slice │ …
 *   slice       a1                 b1                 a2                    the users a and b take turns, and so do the computations of one user
 *
 * So a request waits for one slice at most, however many computations run. */

export interface TimeSlices {
  /**
   * Runs all steps and resolves with the result. Rejects with the error of a step. If the signal is aborted, no further step runs, and the promise
   * rejects with the signal's reason.
   */
  run<T>(steps: Resumable<T>, owner: SliceOwner): Promise<T>;
}

export interface SliceOwner {
  /** The user. Users take turns. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface TimeSlicesOptions {
  /** Milliseconds since an arbitrary moment. */
  readonly steadyClock: () => number;
  readonly sliceMs?: number;
  /** Calls back in the next turn of the event loop. */
  readonly inNextTurn?: (callback: () => void) => void;
}

/** Short enough that requests do not notice a few of them, and long enough that the turns of the event loop cost little. */
const SLICE_MS = 5;

interface Job {
  readonly signal: AbortSignal;
  /** Runs one step. Returns whether it was the last one. */
  advance(): boolean;
  cancel(): void;
}

export function createTimeSlices({
  steadyClock,
  sliceMs = SLICE_MS,
  inNextTurn = setImmediate,
}: TimeSlicesOptions): TimeSlices {
  const rounds = createRounds();
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled || rounds.isEmpty()) return;
    isScheduled = true;
    inNextTurn(runSlice);
  }

  function runSlice(): void {
    isScheduled = false;
    const end = steadyClock() + sliceMs;
    for (let isOver = false; !isOver; ) {
      const next = rounds.takeNext();
      if (next === undefined) break;
      const isDone = runWhile(() => steadyClock() < end, next.job);
      if (!isDone) rounds.add(next.key, next.job);
      isOver = !isDone || steadyClock() >= end;
    }
    schedule();
  }

  return {
    run: <T>(steps: Resumable<T>, { key, signal }: SliceOwner) =>
      new Promise<T>((resolve, reject) => {
        rounds.add(key, jobOf(steps, signal, resolve, reject));
        schedule();
      }),
  };
}

/** Runs a step, and more of them while there is time. Returns whether the job has ended. */
function runWhile(hasTime: () => boolean, job: Job): boolean {
  if (job.signal.aborted) {
    job.cancel();
    return true;
  }
  do if (job.advance()) return true;
  while (hasTime());
  return false;
}

function jobOf<T>(
  steps: Resumable<T>,
  signal: AbortSignal,
  resolve: (result: T) => void,
  reject: (error: unknown) => void,
): Job {
  return {
    signal,
    advance() {
      try {
        const step = steps.next();
        if (step.done) resolve(step.value);
        return step.done ?? false;
      } catch (error) {
        reject(error);
        return true;
      }
    },
    cancel() {
      steps.return(undefined as T);
      reject(signal.reason);
    },
  };
}

/** The jobs by key. The map's order is the order of the turns. */
function createRounds() {
  const jobsByKey = new Map<string, Job[]>();
  return {
    isEmpty: () => jobsByKey.size === 0,
    add(key: string, job: Job): void {
      const jobs = jobsByKey.get(key);
      if (jobs === undefined) jobsByKey.set(key, [job]);
      else jobs.push(job);
    },
    /** Takes the first job of the first key, and moves the key to the end. */
    takeNext(): { readonly key: string; readonly job: Job } | undefined {
      for (const [key, jobs] of jobsByKey) {
        const job = jobs.shift();
        jobsByKey.delete(key);
        if (jobs.length > 0) jobsByKey.set(key, jobs);
        if (job !== undefined) return { key, job };
      }
      return undefined;
    },
  };
}

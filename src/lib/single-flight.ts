/** A question that is asked once for all callers: those that come while it is being asked and, if the answer is kept, those that come later. */
export interface SingleFlight<T> {
  /**
   * Returns the kept answer, or waits for the question under way, or asks the question. A failure rejects every caller that waits for it, and is
   * not kept. If the question ended only because the caller that had started it was aborted, one of the others asks again for all of them.
   * Rejects with the signal's reason if it is aborted first.
   */
  ask(signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Drops the kept answer: the next caller asks again. Callers that wait already get the answer that they wait for. */
  forget(): void;
}

interface Flight<T> {
  /** The signal of the caller that started the question: if it is aborted, so is the question. */
  readonly signal: AbortSignal;
  readonly answer: Promise<T>;
  /** The answer as soon as there is one: nearly all callers come after that, and need not wait for a promise. */
  landed?: { readonly answer: T };
}

/** @param isKept decides which answers are kept; others go only to the callers that wait for them */
export function createSingleFlight<T>(isKept: (answer: T) => boolean = () => true): SingleFlight<T> {
  let current: Flight<T> | undefined;

  function start(signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flight: Flight<T> = { signal, answer: question(signal) };
    const end = (): void => {
      if (current === flight) current = undefined;
    };
    current = flight;
    // Attached before any caller waits: a caller that asks again must not find the question that has just ended.
    flight.answer.then((answer) => {
      if (isKept(answer)) flight.landed = { answer };
      else end();
    }, end);
    return flight;
  }

  return {
    async ask(signal, question) {
      for (;;) {
        signal.throwIfAborted();
        const flight = current ?? start(signal, question);
        if (flight.landed !== undefined) return flight.landed.answer;
        try {
          return await orAborted(flight.answer, signal);
        } catch (error) {
          if (signal.aborted || !flight.signal.aborted) throw error;
        }
      }
    },
    forget() {
      current = undefined;
    },
  };
}

/** Settles as the answer does, or rejects as soon as the signal is aborted. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const stopListening = (): void => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort);
    answer.finally(stopListening).then(resolve, reject);
  });
}

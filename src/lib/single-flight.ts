/** A question that is asked once for all who want its answer, at the same time or later, until the answer is forgotten. */
export interface SingleFlight<T> {
  /**
   * The answer that there is or that somebody waits for already, or else the one to this question. A failure is one for all who wait, and is not
   * kept. Where it is only that the one who had asked wants it no more, those who still do ask anew, and again once for all.
   * Throws the signal's reason where that comes first.
   */
  ask(signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** The next one asks anew. Those who wait get what they wait for. */
  forget(): void;
}

interface Flight<T> {
  /** Of the one who asked: its end is the end of the question. */
  readonly signal: AbortSignal;
  readonly answer: Promise<T>;
  /** The answer, as soon as it is there: nearly all who ask come later, and need not wait for it. */
  landed?: { readonly answer: T };
}

/** Answers of which `isKept` does not hold are for those alone who wait for them. */
export function createSingleFlight<T>(isKept: (answer: T) => boolean = () => true): SingleFlight<T> {
  let current: Flight<T> | undefined;

  function start(signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flight: Flight<T> = { signal, answer: question(signal) };
    const end = (): void => {
      if (current === flight) current = undefined;
    };
    current = flight;
    // Before anybody waits: who asks anew must not meet the question that has just ended.
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

/** Whoever wants it no more does not wait for what others have asked. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    const stay = (): void => signal.removeEventListener('abort', leave);
    signal.addEventListener('abort', leave);
    answer.finally(stay).then(resolve, reject);
  });
}

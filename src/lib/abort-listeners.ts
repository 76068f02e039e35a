interface Listeners {
  readonly all: Set<() => void>;
  readonly fire: () => void;
}

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `listener` when the signal is aborted. Returns a function that removes the listener; calling it twice does no harm.
 *
 * Removing a listener from an `AbortSignal` takes time in proportion to all of its listeners, and hundreds of requests listen to the signal
 * of one crawl. So each signal gets a single native listener, which it keeps only while there are callers to notify.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listeners = listenersOf.get(signal) ?? createListeners(signal);
  const { all, fire } = listeners;
  if (all.size === 0) signal.addEventListener('abort', fire);
  all.add(listener);
  return () => {
    if (all.delete(listener) && all.size === 0) signal.removeEventListener('abort', fire);
  };
}

function createListeners(signal: AbortSignal): Listeners {
  const all = new Set<() => void>();
  const fire = (): void => {
    for (const listener of all) listener();
  };
  listenersOf.set(signal, { all, fire });
  return { all, fire };
}

interface Listeners {
  readonly all: Set<() => void>;
  readonly fire: () => void;
}

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls back when the signal is aborted, and gives what ends that. A signal goes through all of its listeners to remove one, and hundreds of
 * requests listen to that of a crawl: it gets one listener for all of them, for as long as there are any.
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

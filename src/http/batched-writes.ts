import type { FastifyInstance } from 'fastify';

/** Does something at the end of this turn of the event loop, with everything else that is to be done then, in its order. */
export type AtEndOfTurn = (task: () => void) => void;

/**
 * What is asked at the same time is answered at the same time: the answers to all requests that one turn of the event loop brings go out one
 * after the other at its end. A client that waits has to be woken, which costs as much as the answer; while several go out it is awake already.
 */
export function createEndOfTurn(): AtEndOfTurn {
  let waiting: (() => void)[] = [];
  const doAll = (): void => {
    const tasks = waiting;
    waiting = [];
    for (const task of tasks) task();
  };
  return (task) => {
    if (waiting.push(task) === 1) setImmediate(doAll);
  };
}

export function batchWrites(server: FastifyInstance, atEndOfTurn: AtEndOfTurn): void {
  server.addHook('onSend', (_request, _reply, payload, done) => {
    atEndOfTurn(() => done(null, payload));
  });
}

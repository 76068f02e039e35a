import type { FastifyInstance } from 'fastify';

/** Runs a task at the end of this turn of the event loop, after the tasks that were passed before it. */
export type AtEndOfTurn = (task: () => void) => void;

/**
 * Batches the responses to all requests that arrive in one turn of the event loop: they are written one after another at its end. To wake a pending
 * client process costs as much as a small response does; in a batch, a client with several connections is woken once.
 */
export function createEndOfTurn(): AtEndOfTurn {
  let pending: (() => void)[] = [];
  const runAll = (): void => {
    const tasks = pending;
    pending = [];
    for (const task of tasks) task();
  };
  return (task) => {
    if (pending.push(task) === 1) setImmediate(runAll);
  };
}

export function batchWrites(server: FastifyInstance, atEndOfTurn: AtEndOfTurn): void {
  server.addHook('onSend', (_request, _reply, payload, done) => {
    atEndOfTurn(() => done(null, payload));
  });
}

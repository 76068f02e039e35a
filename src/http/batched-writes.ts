import type { FastifyInstance } from 'fastify';

/** Runs a task at the end of this turn of the event loop, after the tasks that were passed before it. */
export type AtEndOfTurn = (task: () => void) => void;

export interface EndOfTurn {
  readonly atEndOfTurn: AtEndOfTurn;
  /** Runs a task at the end of the next turn, after all others: responses do not wait for it. */
  readonly afterNextTurn: (task: () => void) => void;
}

/**
 * Batches the responses to all requests that arrive in one turn of the event loop: they are written one after another at its end. To wake a pending
 * client process costs as much as a small response does; in a batch, a client with several connections is woken once.
 */
export function createEndOfTurn(): EndOfTurn {
  let pending: (() => void)[] = [];
  const runAll = (): void => {
    const tasks = pending;
    pending = [];
    for (const task of tasks) task();
  };
  return {
    atEndOfTurn(task) {
      if (pending.push(task) === 1) setImmediate(runAll);
    },
    afterNextTurn(task) {
      setImmediate(() => {
        runAll();
        task();
      });
    },
  };
}

export function batchWrites(server: FastifyInstance, atEndOfTurn: AtEndOfTurn): void {
  server.addHook('onSend', (_request, _reply, payload, done) => {
    atEndOfTurn(() => done(null, payload));
  });
}

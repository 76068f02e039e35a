import type { FastifyInstance } from 'fastify';

/**
 * What is asked at the same time is answered at the same time: the answers to all requests that one turn of the event loop brings go out one
 * after the other at its end. A client that waits has to be woken, which costs as much as the answer; while several go out it is awake already.
 */
export function answerTogether(server: FastifyInstance): void {
  let waiting: (() => void)[] = [];
  const send = (): void => {
    const answers = waiting;
    waiting = [];
    for (const answer of answers) answer();
  };
  server.addHook('onSend', (_request, _reply, payload, done) => {
    if (waiting.push(() => done(null, payload)) === 1) setImmediate(send);
  });
}

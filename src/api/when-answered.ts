import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** How a request ended. */
export interface Ending {
  /** Where it came from: looked up at its beginning, since a connection that is gone does not tell. '' where it was gone by then. */
  readonly ip: string;
  /** Of the answer; CLIENT_GONE where nobody waited for one. */
  readonly status: number;
  /** Whether nobody was there any more to take the end of the answer. */
  readonly isCutOff: boolean;
}

type Listener = (request: FastifyRequest, reply: FastifyReply, ending: Ending) => void;

/** What nginx made of it, and others have taken over. */
const CLIENT_GONE = 499;

/** Has a listener called once a request, when its answer has gone out, or whoever asked has gone. */
export type WhenAnswered = (listener: Listener) => void;

/**
 * Fastify's own hook never hears of those who have gone, and a client could ask for anything unseen. All that want to know are told by one pair of
 * listeners a request: each costs as much as a header does.
 */
export function followAnswers(server: FastifyInstance): WhenAnswered {
  const listeners: Listener[] = [];
  server.addHook('onRequest', (request, reply, done) => {
    const ip: string | undefined = request.ip;
    let isTold = false;
    const tell = (isCutOff: boolean): void => {
      if (isTold) return;
      isTold = true;
      const status = reply.raw.headersSent ? reply.statusCode : CLIENT_GONE;
      for (const listener of listeners) listener(request, reply, { ip: ip ?? '', status, isCutOff });
    };
    reply.raw.on('finish', () => tell(false)).on('close', () => tell(true));
    done();
  });
  return (listener) => void listeners.push(listener);
}

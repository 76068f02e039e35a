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

/** What nginx made of it, and others have taken over. */
const CLIENT_GONE = 499;

/**
 * Calls back once a request, when its answer has gone out, or whoever asked has gone: Fastify's own hook never hears of the latter, and a client could
 * ask for anything unseen.
 */
export function whenAnswered(
  server: FastifyInstance,
  listener: (request: FastifyRequest, reply: FastifyReply, ending: Ending) => void,
): void {
  server.addHook('onRequest', (request, reply, done) => {
    const ip: string | undefined = request.ip;
    let isTold = false;
    const tell = (isCutOff: boolean): void => {
      if (isTold) return;
      isTold = true;
      const status = reply.raw.headersSent ? reply.statusCode : CLIENT_GONE;
      listener(request, reply, { ip: ip ?? '', status, isCutOff });
    };
    reply.raw.once('finish', () => tell(false)).once('close', () => tell(true));
    done();
  });
}

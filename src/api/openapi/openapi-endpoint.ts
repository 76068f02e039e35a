import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Body, toBody } from '../../http/bodies/body-cache.ts';
import { sendBody } from '../../http/bodies/send-body.ts';
import { representOpenApi } from './document.ts';

/** `GET /openapi.json`. The document is made when it is asked for first: most services never are. */
export function createOpenApi(prefix: string, version: string) {
  let body: Body | undefined;
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    body ??= toBody(representOpenApi(prefix, version));
    return sendBody(request, reply, body, { type: 'application/json' });
  };
}

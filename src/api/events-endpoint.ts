import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bare } from '../domain/manifest/media-types.ts';
import { createSecretCheck } from '../http/authorization.ts';
import { badRequest, sendProblem } from '../http/problems.ts';
import type { NotificationReader, Notifications } from '../ports.ts';
import { NOT_A_NOTIFICATION, NOT_FROM_THE_REGISTRY } from './problems.ts';
import { PATHS } from './route-table.ts';

export interface EventsOptions {
  readonly prefix: string;
  readonly events: {
    /** The secret that the registry must send; undefined if there is no such path. */
    readonly secret: string | undefined;
  };
  readonly notificationReader: NotificationReader;
  readonly notifications: Notifications;
}

/** Distribution up to 2.8 and GitLab's registry send the first type, Distribution 3 the second; the third is for manual requests. */
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.events.v1+json',
  'application/vnd.docker.distribution.events.v2+json',
  'application/json',
]);

/**
 * Adds `POST /events`, which passes the notifications of a registry on, and responds without waiting. A registry queues its events in memory and sends
 * them one after another: if it has to wait, or is refused for details, it loses events.
 */
export function addEvents(server: FastifyInstance, options: EventsOptions): void {
  const { prefix, events, notificationReader, notifications } = options;
  if (events.secret === undefined) return;
  const isSecret = createSecretCheck(events.secret);

  function checkSender(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { authorization, 'content-type': mediaType = '' } = request.headers;
    if (!isSecret(authorization)) void sendProblem(reply, NOT_FROM_THE_REGISTRY);
    else if (!MEDIA_TYPES.has(bare(mediaType))) void sendProblem(reply, NOT_A_NOTIFICATION);
    else done();
  }

  function receive(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const news = notificationReader.read(String(request.body));
    if ('wrong' in news) return sendProblem(reply, badRequest(news.wrong));
    if (news.changed.size > 0) notifications.changed([...news.changed]);
    if (news.pulls.length > 0) notifications.pulled(news.pulls);
    return reply.code(202).send();
  }

  // In a scope of its own, because other routes parse bodies differently.
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));
    scope.post(prefix + PATHS.events, { onRequest: checkSender }, async (request, reply) => receive(request, reply));
  });
}

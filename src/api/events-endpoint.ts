import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { bare } from '../domain/manifest/media-types.ts';
import { createSecretCheck } from '../http/authorization.ts';
import { badRequest, NOT_FROM_THE_REGISTRY, NOT_OF_EVENTS, sendProblem } from '../http/problems.ts';
import type { Clock, Notifications } from '../ports.ts';
import { readEnvelope, readEvents } from '../registry/notification-envelope.ts';

export interface EventsOptions {
  readonly prefix: string;
  readonly events: {
    /** What the registry shows to be let in. Undefined: there is no such path. */
    readonly secret: string | undefined;
  };
  readonly notifications: Notifications;
  readonly clock: Clock;
}

/** Distribution up to 2.8 and GitLab's registry send the first, Distribution 3 the second; the last is for people with curl. */
const MEDIA_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.events.v1+json',
  'application/vnd.docker.distribution.events.v2+json',
  'application/json',
]);

/**
 * `POST /events`: takes what a registry notifies of, hands it on and waits for nothing. A registry keeps its events in memory and sends one
 * after the other: whoever keeps it waiting, or is particular, makes it lose them.
 */
export function addEvents(server: FastifyInstance, { prefix, events, notifications, clock }: EventsOptions): void {
  const { secret } = events;
  if (secret === undefined) return;
  const isSecret = createSecretCheck(secret);
  const isNew = createEventIds();

  function admit(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { authorization, 'content-type': mediaType = '' } = request.headers;
    if (!isSecret(authorization)) void sendProblem(reply, NOT_FROM_THE_REGISTRY);
    else if (!MEDIA_TYPES.has(bare(mediaType))) void sendProblem(reply, NOT_OF_EVENTS);
    else done();
  }

  function answer(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const envelope = readEnvelope(String(request.body));
    if ('wrong' in envelope) return sendProblem(reply, badRequest(envelope.wrong));
    const { changed, pulls } = readEvents(envelope, isNew, clock());
    if (changed.size > 0) notifications.changed([...changed]);
    if (pulls.length > 0) notifications.pulled(pulls);
    return reply.code(202).send();
  }

  // In a scope of its own: elsewhere bodies are read in another way.
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));
    scope.post(`${prefix}/events`, { onRequest: admit }, async (request, reply) => answer(request, reply));
  });
}

const REMEMBERED = 10_000;
/** Those that registries make have 36 characters. A longer one is not worth its room: told twice, an event does no harm. */
const LONGEST_ID = 128;

/**
 * Tells whether an id comes for the first time, as far back as is remembered: for at least the last 10,000. A registry that has not heard our
 * answer sends its events again.
 */
function createEventIds(): (id: string) => boolean {
  let recent = new Set<string>();
  let older = new Set<string>();
  return (id) => {
    if (id === '' || id.length > LONGEST_ID) return true;
    if (recent.has(id) || older.has(id)) return false;
    if (recent.size >= REMEMBERED) [recent, older] = [new Set(), recent];
    recent.add(id);
    return true;
  };
}

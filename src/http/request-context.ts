import type { FastifyInstance } from 'fastify';

/* The facts about a request that become known while it is handled. */

declare module 'fastify' {
  interface FastifyRequest {
    /** The path as it is routed, such as `/repositories/*`; undefined if there is no such route. */
    route: string | undefined;
    /** The name of the principal, as soon as it is known. */
    user: string | undefined;
    /** The same for all spellings of the user's name. */
    principalKey: string | undefined;
    /** What the principal may see; '' before the request is admitted with a token. */
    visibility: string;
    /** How long the response may be repeated; undefined if it must not be cached. */
    lifetime: ResponseLifetime | undefined;
  }
}

/** A response with this lifetime is the same for each request until there is another snapshot. */
export interface ResponseLifetime {
  readonly snapshot: object;
  /** Whether the response is a page. The client may ask for the next page of the same snapshot. */
  readonly isPage: boolean;
}

export function addRequestContext(server: FastifyInstance): void {
  server.decorateRequest('route', undefined);
  server.decorateRequest('user', undefined);
  server.decorateRequest('principalKey', undefined);
  server.decorateRequest('visibility', '');
  server.decorateRequest('lifetime', undefined);
}

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ByteLru, createByteLru } from '../../lib/byte-lru.ts';
import type { VerifiedPrincipal } from '../../ports.ts';
import { pathOf } from '../access-log.ts';
import { type Admit, accessOf, type RouteTable } from '../admission.ts';
import type { AtEndOfTurn } from '../batched-writes.ts';
import type { RequestTracker } from '../request-lifecycle.ts';
import { isNoneMatch } from './body.ts';
import { cacheKey, readCacheableRequest } from './cacheable-request.ts';

/* Serves repeated requests in front of the router: routing a request again costs as much as sending its response.
 *
 *   request ──► cacheable? ──► admit ──► cached? ──► response
 *                   │ no                   │ no
 *                   └──────────────────────┴───────► router, which uses the same admission
 *
 * The cache only sends responses with status 200 and 304. The router sends all refusals, and tells clients about their limits. */

/** The snapshots whose responses are cached. */
export interface CachedSnapshots<S extends object> {
  latest(): S | undefined;
  /** Called when a page of the latest snapshot is sent again: the client may ask for the next page. */
  pin(snapshot: S): void;
}

export interface ResponseCacheOptions<S extends object> {
  readonly snapshots: CachedSnapshots<S>;
  readonly routeAt: RouteTable;
  readonly admit: Admit;
  readonly tracker: RequestTracker;
  readonly atEndOfTurn: AtEndOfTurn;
}

export interface ResponseCache {
  /** Sends the cached response; returns false if there is none. */
  respond(request: IncomingMessage, response: ServerResponse): boolean;
  /** Returns the admission of a request for which there was no cached response; undefined if `respond` did not admit the request. */
  admittedBefore(request: IncomingMessage): ReturnType<Admit> | undefined;
}

/** The responses to equal requests. */
interface CachedResponses {
  readonly isPage: boolean;
  readonly etag: string;
  /** For clients that do not have the body. */
  full?: CachedResponse;
  /** For clients that have the body: 304. */
  notModified?: CachedResponse;
}

interface CachedResponse {
  readonly status: number;
  /** Name, value, name, value…; the last value is the id of the request, and set each time. */
  readonly headers: string[];
  readonly body: string | Buffer;
  readonly bytes: number;
}

const CAPACITY_BYTES = 64 * 1024 * 1024;
/** All bodies in one piece are cached. Even for a large one a quarter of the time is saved: after it is sent, the processor's caches hold nothing that finds it. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** Caches the responses that Fastify sends from now on. */
export function createResponseCache<S extends object>(
  server: FastifyInstance,
  { snapshots, routeAt, admit, tracker, atEndOfTurn }: ResponseCacheOptions<S>,
): ResponseCache {
  const cacheOfLatest = createCacheOfLatest(snapshots);
  const admissions = new WeakMap<IncomingMessage, ReturnType<Admit>>();
  let isClosing = false;
  server.addHook('preClose', async () => {
    isClosing = true; // from now on Fastify closes each connection after its response
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    const { lifetime } = request;
    if (lifetime !== undefined && lifetime.snapshot === snapshots.latest())
      store(cacheOfLatest(), request, reply, payload);
    done(null, payload);
  });

  function send(response: ServerResponse, { status, headers, body }: CachedResponse, id: string): void {
    headers[headers.length - 1] = id;
    response.writeHead(status, headers).end(body);
    if (response.writableFinished) tracker.finish(response);
    else response.once('finish', () => tracker.finish(response));
  }

  return {
    respond(request, response) {
      const cacheable = isClosing ? undefined : readCacheableRequest(request);
      const ip = request.socket.remoteAddress;
      if (cacheable === undefined || ip === undefined) return false;
      const route = routeAt(pathOf(request));
      const access = accessOf(route, 'GET');
      if (!access.needsToken) return false; // other responses are not cached
      const admission = admit(request, ip, access);
      const principal = principalOf(admission);
      const entry = principal && cacheOfLatest().get(cacheKey(cacheable, principal.visibility));
      const cached = entry && (isNoneMatch(cacheable.ifNoneMatch, entry.etag) ? entry.notModified : entry.full);
      if (cached === undefined) {
        admissions.set(request, admission);
        return false;
      }
      const id = randomUUID(); // a cacheable request has no id of its own
      tracker.begin({ id, raw: request, user: principal?.name, route: route?.label }, response, ip);
      const latest = snapshots.latest();
      if (entry?.isPage && latest !== undefined) snapshots.pin(latest);
      atEndOfTurn(() => send(response, cached, id));
      return true;
    },
    admittedBefore: (request) => admissions.get(request),
  };
}

/** Returns the principal of a request that may be served now, and that needs no headers about limits. */
function principalOf(admission: ReturnType<Admit>): VerifiedPrincipal | undefined {
  if (admission instanceof Promise || admission.status === 'refused' || admission.headers !== undefined)
    return undefined;
  return admission.principal;
}

/** Returns a function that returns the cache, which is empty after each new snapshot. The cache does not keep a snapshot in memory. */
function createCacheOfLatest({ latest }: Pick<CachedSnapshots<object>, 'latest'>): () => ByteLru<CachedResponses> {
  let cache: ByteLru<CachedResponses> = createByteLru(CAPACITY_BYTES);
  let cachedSnapshot: WeakRef<object> | undefined;
  return () => {
    const snapshot = latest();
    if (cachedSnapshot?.deref() !== snapshot) {
      cache = createByteLru(CAPACITY_BYTES);
      cachedSnapshot = snapshot && new WeakRef(snapshot);
    }
    return cache;
  };
}

function store(cache: ByteLru<CachedResponses>, request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
  const cacheable = readCacheableRequest(request.raw);
  const response = cachedResponseOf(reply, payload);
  if (cacheable === undefined || response === undefined || reply.hasHeader('ratelimit')) return;
  const key = cacheKey(cacheable, request.visibility);
  const isPage = request.lifetime?.isPage ?? false;
  const entry: CachedResponses = cache.get(key) ?? { isPage, etag: String(reply.getHeader('etag')) };
  entry[response.status === 304 ? 'notModified' : 'full'] = response;
  cache.set(key, entry, (entry.notModified?.bytes ?? 0) + (entry.full?.bytes ?? 0));
}

/** What the headers of a response take, roughly. */
const HEADERS_BYTES = 1024;

/** Returns undefined for a response that is not cached: with another status, or a body that is too long or not in one piece. */
function cachedResponseOf(reply: FastifyReply, payload: unknown): CachedResponse | undefined {
  const { statusCode: status } = reply;
  const body = status === 304 ? '' : payload;
  if ((status !== 200 && status !== 304) || !(typeof body === 'string' || Buffer.isBuffer(body))) return undefined;
  const bytes = Buffer.byteLength(body);
  if (bytes > MAX_BODY_BYTES) return undefined;
  const others = Object.entries(reply.getHeaders()).filter(([name]) => name !== 'x-request-id');
  const length = status === 200 ? [['content-length', bytes]] : [];
  const headers = [...others, ...length, ['x-request-id', '']].flatMap(([name, value]) => [
    String(name),
    String(value),
  ]);
  return { status, headers, body, bytes: bytes + HEADERS_BYTES };
}

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SessionTokens } from '../../api/server.ts';
import type { PinnedSnapshots } from '../../api/snapshot/pinned-snapshots.ts';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { type ByteLru, createByteLru } from '../../lib/byte-lru.ts';
import { bearerToken } from '../authorization.ts';
import type { AtEndOfTurn } from '../batched-writes.ts';
import type { TrackedRequests } from '../request-lifecycle.ts';
import type { RequestLimits } from '../request-limits.ts';
import { isNoneMatch } from './body-cache.ts';
import { readCacheableRequest } from './cacheable-request.ts';

/* What was answered is kept, and given to the next who asks in the same words before anything is routed: to find out again what is known costs as
 * much as to send it. Whatever is to be refused, limited or said in another way goes on to Fastify, which has the last word on everything. */

/** What is answered with, where that stays while a snapshot is the latest. */
export interface Lasting {
  readonly snapshot: Snapshot;
  /** Whether it is a page of it, after which somebody may ask for the next one. */
  readonly isPage: boolean;
}

export interface ResponseCacheOptions {
  readonly snapshots: Pick<PinnedSnapshots, 'latest' | 'hold'>;
  readonly tokens: Pick<SessionTokens, 'recall'>;
  readonly limits: Pick<RequestLimits, 'admitQuietly'>;
  readonly followed: TrackedRequests;
  readonly atEndOfTurn: AtEndOfTurn;
  /** Whether a request is for a host of ours. */
  readonly isOurs: (request: IncomingMessage) => boolean;
}

/** Answers a request at once; false where it has not. */
export type ResponseCache = (request: IncomingMessage, response: ServerResponse) => boolean;

/** The answers to requests that say the same, but for what the client has already. */
interface Kept {
  readonly isPage: boolean;
  readonly route: string | undefined;
  readonly etag: string;
  /** To those who do not have it. */
  whole?: Given;
  /** To those who do. */
  known?: Given;
}

interface Given {
  readonly status: number;
  /** Name, value, name, value…; the last value is the id of the request, and another one each time. */
  readonly headers: string[];
  readonly body: string | Buffer;
  readonly bytes: number;
}

const ROOM_BYTES = 64 * 1024 * 1024;
/** All that comes in one piece. Even of a large one a quarter of the time is saved: sending it leaves nothing in the processor's caches of what finds it. */
const LONGEST_BODY_BYTES = 8 * 1024 * 1024;

/** Keeps what Fastify answers from now on, and gives it again. */
export function createResponseCache(server: FastifyInstance, options: ResponseCacheOptions): ResponseCache {
  const { snapshots, tokens, limits, followed, atEndOfTurn, isOurs } = options;
  const keptOfLatest = createKeptOfLatest(snapshots);
  let isClosing = false;
  server.addHook('preClose', async () => {
    isClosing = true; // Fastify ends every connection with its answer now
  });
  server.addHook('onSend', (request, reply, payload, done) => {
    const { lasting } = request;
    if (lasting !== undefined && lasting.snapshot === snapshots.latest()) keep(keptOfLatest(), request, reply, payload);
    done(null, payload);
  });

  function give(response: ServerResponse, { status, headers, body }: Given, id: string): void {
    headers[headers.length - 1] = id;
    response.writeHead(status, headers).end(body);
    if (response.writableFinished) followed.finished(response);
    else response.once('finish', () => followed.finished(response));
  }

  return (request, response) => {
    const plain = isClosing ? undefined : readCacheableRequest(request);
    const kept = plain && keptOfLatest().get(plain.key);
    if (kept === undefined) return false;
    const given = isNoneMatch(plain?.ifNoneMatch, kept.etag) ? kept.known : kept.whole;
    const token = bearerToken(plain?.authorization);
    const session = given && token !== undefined ? tokens.recall(token) : undefined;
    const ip = request.socket.remoteAddress;
    if (given === undefined || session === undefined || ip === undefined || !isOurs(request)) return false;
    if (!limits.admitQuietly(ip, session.user)) return false;
    const id = randomUUID(); // a plain request brings none
    followed.begin({ id, raw: request, user: session.user, route: kept.route }, response, ip);
    const latest = snapshots.latest();
    if (kept.isPage && latest !== undefined) snapshots.hold(latest);
    atEndOfTurn(() => give(response, given, id));
    return true;
  };
}

/** Nothing is kept of a snapshot that is not the latest any more, nor does what is kept hold it. */
function createKeptOfLatest({ latest }: Pick<PinnedSnapshots, 'latest'>): () => ByteLru<Kept> {
  let kept: ByteLru<Kept> = createByteLru(ROOM_BYTES);
  let keptOf: WeakRef<Snapshot> | undefined;
  return () => {
    const snapshot = latest();
    if (keptOf?.deref() !== snapshot) {
      kept = createByteLru(ROOM_BYTES);
      keptOf = snapshot && new WeakRef(snapshot);
    }
    return kept;
  };
}

function keep(all: ByteLru<Kept>, request: FastifyRequest, reply: FastifyReply, payload: unknown): void {
  const plain = readCacheableRequest(request.raw);
  const given = givenBy(reply, payload);
  if (plain === undefined || given === undefined || reply.hasHeader('ratelimit')) return;
  const { lasting, route } = request;
  const isPage = lasting?.isPage ?? false;
  const kept: Kept = all.get(plain.key) ?? { isPage, route, etag: String(reply.getHeader('etag')) };
  kept[given.status === 304 ? 'known' : 'whole'] = given;
  all.set(plain.key, kept, (kept.known?.bytes ?? 0) + (kept.whole?.bytes ?? 0));
}

/** About what the headers of an answer take. */
const HEADERS_BYTES = 1024;

/** Undefined for what does not come in one piece. */
function givenBy(reply: FastifyReply, payload: unknown): Given | undefined {
  const { statusCode: status } = reply;
  const body = status === 304 ? '' : payload;
  if ((status !== 200 && status !== 304) || !(typeof body === 'string' || Buffer.isBuffer(body))) return undefined;
  const bytes = Buffer.byteLength(body);
  if (bytes > LONGEST_BODY_BYTES) return undefined;
  const said = Object.entries(reply.getHeaders()).filter(([name]) => name !== 'x-request-id');
  const length = status === 200 ? [['content-length', bytes]] : [];
  const headers = [...said, ...length, ['x-request-id', '']].flatMap(([name, value]) => [String(name), String(value)]);
  return { status, headers, body, bytes: bytes + HEADERS_BYTES };
}

import { hash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { type Body, bodyOf, toBody } from '../http/bodies/body.ts';
import { type Bodies, type BodyCache, createBodyCache } from '../http/bodies/body-cache.ts';
import { type SendOptions, sendBody } from '../http/bodies/send-body.ts';
import { createStreamLimit } from '../http/bodies/stream-limit.ts';
import { badRequest, sendProblem } from '../http/problems.ts';
import { type BoundedWork, jobOf, respondInSteps } from '../http/work/bounded-work.ts';
import type { Resumable } from '../lib/resumable.ts';
import type { Snapshots } from '../ports.ts';
import type { Collection, CollectionDescriptor } from './collections/descriptor.ts';
import { csvHeader } from './collections/output/csv.ts';
import { toLines } from './collections/output/line-output.ts';
import { CONTENT_TYPES, chosenFormat, type OutputFormat } from './collections/output/output-format.ts';
import { type ListQuery, readListQuery } from './collections/query/list-query.ts';
import { parametersOf, viewOf, viewOfAll } from './collections/query/pagination.ts';
import { createSelectionCache, type SelectionCache, type Selections } from './collections/query/sort-and-filter.ts';
import { withQuery } from './hal/links.ts';
import { representNothingYet } from './hal/representation.ts';
import { type EmbedOptions, readEmbedOptions } from './snapshot/embed-options.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot/snapshot-index.ts';

/** A snapshot, as principals with one visibility see it, with everything that is derived from it to answer requests. */
export interface AnsweredSnapshot {
  readonly index: SnapshotIndex;
  /** The cache of whole resources. */
  readonly bodies: Bodies;
  /** The cache of parts of collections. It is separate, so that many different pages do not displace whole resources. */
  readonly pages: Bodies;
  readonly selections: Selections;
  readonly noteStream: (stream: Readable) => void;
  /** Runs what takes long. */
  readonly work: BoundedWork;
  /** Returns the validator of a body that is generated for each request: its bytes follow from the snapshot and this key. */
  etagOf(key: string): string;
}

const PAGES_ROOM_BYTES = 32 * 1024 * 1024;

/** The caches of a snapshot. Principals with different visibilities share nothing but the index. */
interface SnapshotCaches {
  readonly index: SnapshotIndex;
  readonly bodies: BodyCache;
  readonly pages: BodyCache;
  readonly selections: SelectionCache;
  readonly work: BoundedWork;
  /** A part of each validator, so that validators of different snapshots differ. */
  readonly name: string;
  readonly noteStream: AnsweredSnapshot['noteStream'];
}

/** Returns a function that prepares a snapshot for requests. The caches live as long as the snapshot. */
export function createAnsweredSnapshots(
  { latest }: Snapshots,
  work: BoundedWork,
): (snapshot: Snapshot, visibility: string) => AnsweredSnapshot {
  const answers = new WeakMap<Snapshot, SnapshotCaches>();
  const noteStream = createStreamLimit();
  let last: WeakRef<Snapshot> | undefined;

  /** Requests for a snapshot that is no longer the latest are for pages, so the cache of its whole resources is dropped. */
  function shrinkFormer(): void {
    const [current, former] = [latest(), last?.deref()];
    if (former === current) return;
    const known = former && answers.get(former);
    if (former && known) answers.set(former, { ...known, bodies: known.pages });
    last = current && new WeakRef(current);
  }

  return (snapshot, visibility) => {
    shrinkFormer();
    const known = answers.get(snapshot) ?? createCaches((stream) => noteStream(snapshot, stream), snapshot, work);
    answers.set(snapshot, known);
    return visibleTo(visibility, known);
  };
}

function createCaches(
  noteStream: AnsweredSnapshot['noteStream'],
  snapshot: Snapshot,
  work: BoundedWork,
): SnapshotCaches {
  return {
    index: indexSnapshot(snapshot),
    bodies: createBodyCache(work),
    pages: createBodyCache(work, PAGES_ROOM_BYTES),
    selections: createSelectionCache(),
    work,
    name: randomUUID(),
    noteStream,
  };
}

function visibleTo(visibility: string, caches: SnapshotCaches): AnsweredSnapshot {
  const { index, bodies, pages, selections, work, name, noteStream } = caches;
  return {
    index,
    bodies: bodies.visibleTo(visibility),
    pages: pages.visibleTo(visibility),
    selections: selections.visibleTo(visibility),
    work,
    noteStream,
    etagOf: (key) => hash('sha256', `${name} ${visibility} ${key}`, 'base64url'),
  };
}

export interface CollectionRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: URLSearchParams;
  readonly options: EmbedOptions;
  /** Called before a page is sent. */
  readonly notePage: () => void;
}

/** Sends a collection, or the page of it that the request asks for, in the format that the client prefers. */
export function sendCollection(
  collection: Collection,
  answered: AnsweredSnapshot,
  asked: CollectionRequest,
): FastifyReply {
  const { request, reply, query, notePage } = asked;
  const format = chosenFormat(request.headers.accept);
  const { descriptor } = collection;
  const perPage = format === 'hal' ? descriptor.perPage : undefined;
  const listQuery = readListQuery(query, { orders: descriptor.orders, perPage });
  if ('wrong' in listQuery) return sendProblem(reply, badRequest(listQuery.wrong));
  // Before the work, which lets the event loop run: the next snapshot may arrive meanwhile.
  if (listQuery.page !== undefined) notePage();
  return sendInSteps(prepareResponse(collection, answered, { ...asked, listQuery, format }), answered, asked);
}

/** Sends a resource that is not a collection. */
export function sendResource(
  key: string,
  represent: () => object,
  answered: AnsweredSnapshot,
  asked: CollectionRequest,
): FastifyReply {
  const { bodies, noteStream } = answered;
  const cached = bodies.cached(key);
  if (cached !== undefined) return sendBody(asked.request, asked.reply, cached, { noteStream });
  const steps = function* (): Resumable<PreparedResponse> {
    return { body: yield* bodies.build(key, represent), headers: {}, options: { noteStream } };
  };
  return sendInSteps(steps(), answered, asked);
}

interface PreparedResponse {
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
  readonly options: SendOptions;
}

function sendInSteps(
  steps: Resumable<PreparedResponse>,
  { work }: AnsweredSnapshot,
  { request, reply }: CollectionRequest,
): FastifyReply {
  const job = jobOf(request, reply);
  return respondInSteps(work, { reply, job, steps }, ({ body, headers, options }) => {
    void reply.headers(headers);
    sendBody(request, reply, body, { ...options, job });
  });
}

function isWhole({ page, orderBy, sort, search }: ListQuery): boolean {
  return page === undefined && orderBy === undefined && sort === undefined && search === '';
}

type SelectedRequest = CollectionRequest & {
  readonly listQuery: ListQuery;
  readonly format: OutputFormat;
};

function* prepareResponse(
  collection: Collection,
  { index, bodies, pages, selections, work, etagOf, noteStream }: AnsweredSnapshot,
  { options, listQuery, format }: SelectedRequest,
): Resumable<PreparedResponse> {
  const { href, represent, descriptor, lineAt, prepare } = collection;
  const key = withQuery(href, parametersOf(listQuery, options));
  const isList = format !== 'hal' || !isWhole(listQuery);
  yield* prepare(isList || options.embed > 0 || options.links);
  if (!isList)
    return { body: yield* bodies.build(key, () => represent(viewOfAll(href))), headers: {}, options: { noteStream } };
  const selected = yield* selections.select(collection, listQuery);
  const view = viewOf(href, selected, { query: listQuery, options, snapshot: index.snapshot.id });
  const body =
    format === 'hal'
      ? yield* pages.build(key, () => represent(view))
      : toLines({ columns: descriptor.columns, lineAt }, view.positions, {
          format,
          etag: etagOf(`${format} ${key}`),
          work,
        });
  return { body, headers: view.headers, options: { type: CONTENT_TYPES[format], noteStream } };
}

/** Sends an empty collection: the response before the first snapshot. */
export function sendNothingYet(
  { columns, embedsEmptyList }: Pick<CollectionDescriptor, 'columns' | 'embedsEmptyList'>,
  query: URLSearchParams,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const format = chosenFormat(request.headers.accept);
  const { embed } = readEmbedOptions(query, request.body, 1);
  if (format === 'hal')
    return sendBody(request, reply, toBody(representNothingYet(embedsEmptyList === true && embed > 0)));
  const text = format === 'csv' ? csvHeader(columns) : '';
  return sendBody(request, reply, bodyOf(Buffer.from(text)), { type: CONTENT_TYPES[format] });
}

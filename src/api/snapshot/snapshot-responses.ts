import { hash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Snapshot } from '../../domain/snapshot/snapshot.ts';
import { type Bodies, createBodies, toBody } from '../../http/bodies/body-cache.ts';
import { sendBody } from '../../http/bodies/send-body.ts';
import { badRequest, sendProblem } from '../../http/problems.ts';
import { createStreamLimit } from '../../http/stream-limit.ts';
import type { Snapshots } from '../../ports.ts';
import type { Collection } from '../collections/collection.ts';
import { toLines } from '../collections/line-output.ts';
import { type ListQuery, readListQuery } from '../collections/list-query.ts';
import { CONTENT_TYPES, chosenFormat, type OutputFormat } from '../collections/output-format.ts';
import { parametersOf, viewOf, viewOfAll } from '../collections/pagination.ts';
import { createSelections, type Selections } from '../collections/sort-and-filter.ts';
import { withQuery } from '../hal/links.ts';
import { NOTHING_YET } from '../hal/representations.ts';
import type { EmbedOptions } from './embed-options.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.ts';

/** A snapshot as it is answered: its names looked up, and what was asked of it. */
export interface AnsweredSnapshot {
  readonly index: SnapshotIndex;
  readonly bodies: Bodies;
  /** Of parts of collections: however many are asked for, what everybody asks for stays. */
  readonly pages: Bodies;
  readonly selections: Selections;
  readonly noteStream: (stream: Readable) => void;
  /** Of what is written anew for everybody: what is written does not change, so that this names its bytes. */
  etagOf(key: string): string;
}

const PAGES_ROOM_BYTES = 32 * 1024 * 1024;

/** What is kept of a snapshot goes with it: a snapshot that nobody else holds is not held here. */
export function createAnswers({ latest }: Snapshots): (snapshot: Snapshot) => AnsweredSnapshot {
  const answers = new WeakMap<Snapshot, AnsweredSnapshot>();
  const noteStream = createStreamLimit();
  let last: WeakRef<Snapshot> | undefined;

  /** Of a snapshot that is not the latest any more nobody wants more than pages. */
  function letGoOfFormer(): void {
    const [current, former] = [latest(), last?.deref()];
    if (former === current) return;
    const known = former && answers.get(former);
    if (former && known) answers.set(former, { ...known, bodies: known.pages });
    last = current && new WeakRef(current);
  }

  return (snapshot) => {
    letGoOfFormer();
    const known = answers.get(snapshot) ?? answersOf((stream) => noteStream(snapshot, stream), snapshot);
    answers.set(snapshot, known);
    return known;
  };
}

function answersOf(noteStream: AnsweredSnapshot['noteStream'], snapshot: Snapshot): AnsweredSnapshot {
  const name = randomUUID();
  return {
    index: indexSnapshot(snapshot),
    bodies: createBodies(),
    pages: createBodies(PAGES_ROOM_BYTES),
    selections: createSelections(),
    noteStream,
    etagOf: (key) => hash('sha256', `${name} ${key}`, 'base64url'),
  };
}

export interface ListingRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly query: URLSearchParams;
  readonly wants: EmbedOptions;
  /** Hears that a page is about to be shown. */
  readonly notePage: () => void;
}

/** Answers with a collection, or the page of it, in the form that is wanted. */
export function answerListing(listing: Collection, answered: AnsweredSnapshot, asked: ListingRequest): FastifyReply {
  const { request, reply, query, wants, notePage } = asked;
  const form = chosenFormat(request.headers.accept);
  const { orders, perPage } = listing;
  const wanted = readListQuery(query, { orders, perPage: form === 'hal' ? perPage : undefined });
  if ('wrong' in wanted) return sendProblem(reply, badRequest(wanted.wrong));
  const key = withQuery(listing.href, parametersOf(wanted, wants));
  if (form === 'hal' && isWhole(wanted)) {
    return sendBody(
      request,
      reply,
      answered.bodies(key, () => listing.represent(viewOfAll(listing))),
      answered,
    );
  }
  // Before the search, which gives others their turn: the next snapshot may come meanwhile.
  if (wanted.page !== undefined) notePage();
  const send = (selected: Uint32Array) => sendSelected(listing, selected, answered, { ...asked, wanted, form, key });
  const selected = answered.selections.select(listing, wanted);
  if (!(selected instanceof Promise)) return send(selected);
  selected.then(send).catch((error: unknown) => reply.send(error));
  return reply;
}

function isWhole({ page, orderBy, sort, search }: ListQuery): boolean {
  return page === undefined && orderBy === undefined && sort === undefined && search === '';
}

type SelectedRequest = ListingRequest & {
  readonly wanted: ListQuery;
  readonly form: OutputFormat;
  readonly key: string;
};

function sendSelected(
  listing: Collection,
  selected: Uint32Array,
  { index, pages, etagOf, noteStream }: AnsweredSnapshot,
  { request, reply, wants, wanted, form, key }: SelectedRequest,
): FastifyReply {
  const view = viewOf(listing, selected, { query: wanted, wants, snapshot: index.snapshot.id });
  void reply.headers(view.headers);
  const body =
    form === 'hal'
      ? pages(key, () => listing.represent(view))
      : toLines(listing, view.positions, form, etagOf(`${form} ${key}`));
  return sendBody(request, reply, body, { type: CONTENT_TYPES[form], noteStream });
}

/** Before the first snapshot: a collection that is empty, in whatever form. */
export function sendNothingYet(columns: readonly string[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const form = chosenFormat(request.headers.accept);
  if (form === 'hal') return sendBody(request, reply, toBody(NOTHING_YET));
  return sendBody(request, reply, toLines({ columns, memberAt: () => ({}) }, new Uint32Array(), form, form), {
    type: CONTENT_TYPES[form],
  });
}

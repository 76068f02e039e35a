import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../http/access-log.ts';
import { HAL, sendBody, varyOf } from '../http/bodies/send-body.ts';
import { NOT_COLLECTED_YET, notFound, SNAPSHOT_GONE, sendProblem } from '../http/problems.ts';
import { assertNever } from '../lib/assert-never.ts';
import { listBlobs, listHolders, listTagBlobs } from './collections/blobs.ts';
import type { Collection } from './collections/collection.ts';
import {
  BLOB_COLUMNS,
  CHILD_COLUMNS,
  GAP_COLUMNS,
  HOLDER_COLUMNS,
  REPOSITORY_COLUMNS,
} from './collections/csv-columns.ts';
import type { Selections } from './collections/sort-and-filter.ts';
import {
  type CollectionContext,
  listAllTags,
  listGaps,
  listInside,
  listRepositories,
  listTags,
} from './collections/tree.ts';
import {
  createLinks,
  decodeName,
  EXACT_PARAMETER,
  encodeSegment,
  encodeSegmentTwice,
  type Links,
} from './hal/links.ts';
import { type Representation, representRepository, representTag } from './hal/representations.ts';
import type { Choices } from './schemas/entry-point.ts';
import { readEmbedOptions } from './snapshot/embed-options.ts';
import type { PinnedSnapshots } from './snapshot/pinned-snapshots.ts';
import { describeMissing, hrefOf, type Resource, resolve } from './snapshot/resolve-path.ts';
import {
  type AnsweredSnapshot,
  answerListing,
  createAnswers,
  type ListingRequest,
  sendNothingYet,
} from './snapshot/snapshot-responses.ts';

export interface ResourcesOptions {
  readonly prefix: string;
  readonly snapshots: PinnedSnapshots;
}

/** What a path names in a snapshot: a collection, something else to represent, or several to choose among. */
type Found =
  | { readonly listing: Collection }
  | { readonly href: string; readonly represent: () => Representation }
  | { readonly choices: readonly Resource[] };

interface Question extends CollectionContext {
  readonly query: URLSearchParams;
  readonly selections: Selections;
}

/** The collections of a snapshot. Before the first snapshot each is there, and empty; what is below is not known yet. */
const COLLECTIONS: Readonly<Record<string, (question: Question) => Collection>> = {
  repositories: listRepositories,
  tags: listAllTags,
  namespaces: (question) => listInside(undefined, question),
  blobs: listBlobs,
  gaps: listGaps,
};

const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  repositories: REPOSITORY_COLUMNS,
  tags: HOLDER_COLUMNS,
  namespaces: CHILD_COLUMNS,
  blobs: BLOB_COLUMNS,
  gaps: GAP_COLUMNS,
};

/** What is below a collection, by the path that follows its own. */
const MEMBERS: Readonly<Record<string, (path: string, question: Question) => Found | undefined>> = {
  repositories(path, question) {
    const found = resolve(path, question.index, question.query.has(EXACT_PARAMETER));
    const [resource] = found;
    if (resource === undefined) return undefined;
    return found.length > 1 ? { choices: found } : foundAt(resource, question);
  },
  namespaces(path, question) {
    const namespace = question.index.namespace(decodeName(path));
    return namespace && { listing: listInside(namespace, question) };
  },
  blobs(path, question) {
    const node = question.index.blobs.node(decodeName(path));
    return node === undefined ? undefined : { listing: listHolders(node, question, question.selections) };
  },
};

function foundAt(resource: Resource, question: Question): Found {
  const { wants, links } = question;
  const href = hrefOf(resource, links);
  const { repository } = resource;
  switch (resource.kind) {
    case 'repository':
      return { href, represent: () => representRepository(repository, wants, links) };
    case 'tags':
      return { listing: listTags(repository, question) };
    case 'tag':
      return { href, represent: () => representTag(resource.tag, repository, wants, links) };
    case 'blobs':
      return { listing: listTagBlobs(resource, question) };
    default:
      return assertNever(resource);
  }
}

/** Answers everything that a snapshot holds, for a user who may ask. */
export function createResources({ prefix, snapshots }: ResourcesOptions) {
  const links = createLinks(prefix);
  const answersOf = createAnswers(snapshots);

  function answerFound(found: Found, answered: AnsweredSnapshot, asked: ListingRequest): FastifyReply {
    const { request, reply, wants } = asked;
    if ('choices' in found) return sendChoices(reply, found.choices, createLinks(prefix, encodeSegmentTwice));
    if ('listing' in found) return answerListing(found.listing, answered, asked);
    const key = `${found.href} ${wants.embed} ${wants.links}`;
    return sendBody(request, reply, answered.bodies(key, found.represent), answered);
  }

  return function answerResource(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = pathOf(request.raw);
    // All that follows the first `?`: another one is a character like others (RFC 3986, 3.4).
    const query = new URLSearchParams(request.raw.url?.slice(path.length));
    const [, collection = '', below] = /^\/([^/]*)(?:\/(.*))?$/s.exec(path.slice(prefix.length)) ?? [];
    const id = query.get('snapshot') || undefined;
    const snapshot = id === undefined ? snapshots.latest() : snapshots.find(id);
    if (snapshot === undefined) {
      if (id !== undefined) return sendProblem(reply, SNAPSHOT_GONE);
      if (below !== undefined) return sendProblem(reply, NOT_COLLECTED_YET);
      return sendNothingYet(COLUMNS[collection] ?? [], request, reply);
    }
    const answered = answersOf(snapshot);
    const { index, selections } = answered;
    const wants = readEmbedOptions(query, request.body, index.deepestLevel);
    const found = find(collection, below, { index, selections, query, links, wants });
    if (found !== undefined) {
      if (snapshot === snapshots.latest()) request.lasting = { snapshot, isPage: false };
      const notePage = (): void => {
        snapshots.hold(snapshot);
        if (request.lasting) request.lasting = { snapshot, isPage: true };
      };
      return answerFound(found, answered, { request, reply, query, wants, notePage });
    }
    return sendProblem(reply, notFound(below ? prefix + describe(collection, below) : path));
  };
}

function find(collection: string, below: string | undefined, question: Question): Found | undefined {
  if (below !== undefined) return below === '' ? undefined : MEMBERS[collection]?.(below, question);
  const list = COLLECTIONS[collection];
  return list && { listing: list(question) };
}

function describe(collection: string, below: string): string {
  return collection === 'repositories' ? describeMissing(below) : `/${collection}/${encodeSegment(decodeName(below))}`;
}

/** A path that means several things. Whatever a proxy decodes of these links on their way to us, each means one. */
function sendChoices(reply: FastifyReply, choices: readonly Resource[], links: Links): FastifyReply {
  const item = choices.map((choice) => ({
    href: `${hrefOf(choice, links)}?${EXACT_PARAMETER}=true`,
    title: choice.kind,
  }));
  const headers = { vary: varyOf(reply), 'cache-control': 'private, no-cache' };
  return reply
    .code(300)
    .type(HAL)
    .headers(headers)
    .send({ _links: { item } } satisfies Choices);
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Snapshots } from '../ports.ts';
import { type Bodies, createBodies, toBody } from './bodies.ts';
import { createLinks, decodeName, EXACT_PARAMETER, encodeSegment, encodeSegmentTwice, type Links } from './links.ts';
import { badRequest, NOT_COLLECTED_YET, notFound, type Problem, sendProblem } from './problems.ts';
import { readPage, readWants, type Wants } from './query.ts';
import { representBlob, representBlobs } from './represent-blobs.ts';
import { representGaps } from './represent-crawl.ts';
import { representNamespace, representNamespaces } from './represent-namespaces.ts';
import { NOTHING_YET, type Representation, representRepositories, representResource } from './representations.ts';
import { describeMissing, hrefOf, type Resource, resolve } from './resolve.ts';
import { HAL, sendBody, varyOf } from './send-body.ts';
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.ts';

export interface ResourcesOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
}

/** What a path names in a snapshot: one resource to represent, several to choose among, or a problem. */
type Found =
  | { readonly key: string; readonly represent: () => Representation }
  | { readonly choices: readonly Resource[] }
  | { readonly problem: Problem };

interface Question {
  readonly index: SnapshotIndex;
  readonly query: URLSearchParams;
  readonly wants: Wants;
  readonly links: Links;
}

/** The collections of a snapshot. Before the first snapshot each is there, and empty; what is below is not known yet. */
const COLLECTIONS: Readonly<Record<string, (question: Question) => Found>> = {
  repositories: ({ index, wants, links }) => ({
    key: key(links.repositories(), wants),
    represent: () => representRepositories(index.snapshot, wants, links),
  }),
  namespaces: ({ index, wants, links }) => ({
    key: key(links.namespaces(), wants),
    represent: () => representNamespaces(index, wants, links),
  }),
  blobs({ index, query, wants, links }) {
    const page = readPage(query);
    if ('wrong' in page) return { problem: badRequest(page.wrong) };
    return { key: key(links.blobs(page), wants), represent: () => representBlobs(index, page, wants, links) };
  },
  gaps: ({ index, wants, links }) => ({
    key: key(links.gaps(), wants),
    represent: () => representGaps(index.snapshot, wants, links),
  }),
};

/** What is below a collection, by the path that follows its own. */
const MEMBERS: Readonly<Record<string, (path: string, question: Question) => Found | undefined>> = {
  repositories(path, { index, query, wants, links }) {
    const found = resolve(path, index, query.has(EXACT_PARAMETER));
    const [resource] = found;
    if (resource === undefined) return undefined;
    if (found.length > 1) return { choices: found };
    return {
      key: key(hrefOf(resource, links), wants),
      represent: () => representResource(resource, index, wants, links),
    };
  },
  namespaces(path, { index, wants, links }) {
    const namespace = index.namespace(decodeName(path));
    return (
      namespace && {
        key: key(links.namespace(namespace.path), wants),
        represent: () => representNamespace(namespace, index, wants, links),
      }
    );
  },
  blobs(path, { index, wants, links }) {
    const digest = decodeName(path);
    const node = index.blobs.node(digest);
    if (node === undefined) return undefined;
    return { key: key(links.blob(digest), wants), represent: () => representBlob(node, index, wants, links) };
  },
};

/** A snapshot as it is answered: its names looked up, and what was asked of it. */
interface AnsweredSnapshot {
  readonly index: SnapshotIndex;
  readonly bodies: Bodies;
}

/** What is kept of a snapshot goes with it: a snapshot that nobody else holds is not held here. */
function createAnswers(): (snapshot: Snapshot) => AnsweredSnapshot {
  const answers = new WeakMap<Snapshot, AnsweredSnapshot>();
  return (snapshot) => {
    const known = answers.get(snapshot) ?? { index: indexSnapshot(snapshot), bodies: createBodies() };
    answers.set(snapshot, known);
    return known;
  };
}

/** Answers everything that a snapshot holds, for a user who may ask. */
export function createResources({ prefix, snapshots }: ResourcesOptions) {
  const links = createLinks(prefix);
  const answersOf = createAnswers();

  function answerFound(
    found: Found,
    answers: AnsweredSnapshot,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply {
    if ('problem' in found) return sendProblem(reply, found.problem);
    if ('choices' in found) return sendChoices(reply, found.choices, createLinks(prefix, encodeSegmentTwice));
    return sendBody(request, reply, answers.bodies(found.key, found.represent));
  }

  return function answerResource(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const [path = '', search = ''] = request.raw.url?.split('?', 2) ?? [];
    const query = new URLSearchParams(search);
    const [, collection = '', below] = /^\/([^/]*)(?:\/(.*))?$/s.exec(path.slice(prefix.length)) ?? [];
    const snapshot = snapshots.latest();
    if (snapshot === undefined) {
      return below === undefined
        ? sendBody(request, reply, toBody(NOTHING_YET))
        : sendProblem(reply, NOT_COLLECTED_YET);
    }
    const answers = answersOf(snapshot);
    const { index } = answers;
    const question = { index, query, links, wants: readWants(query, request.body, index.deepestLevel) };
    const found =
      below === undefined
        ? COLLECTIONS[collection]?.(question)
        : below === ''
          ? undefined
          : MEMBERS[collection]?.(below, question);
    if (found !== undefined) return answerFound(found, answers, request, reply);
    return sendProblem(reply, notFound(below ? prefix + describe(collection, below) : path));
  };
}

function key(href: string, { embed, links }: Wants): string {
  return `${href} ${embed} ${links}`;
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
  return reply.code(300).type(HAL).headers(headers).send({ _links: { item } });
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../http/access-log.ts';
import { HAL, varyOf } from '../http/bodies/send-body.ts';
import { badRequest, notFound, sendProblem } from '../http/problems.ts';
import type { BoundedWork } from '../http/work/bounded-work.ts';
import type { CollectionContext, ResourceDescriptor } from './collections/descriptor.ts';
import { readListQuery } from './collections/query/list-query.ts';
import {
  candidatesFor,
  describeMissing,
  type FoundResource,
  findResource,
  groupResources,
  type ResourceGroup,
  resolvePath,
} from './collections/query/resolve-path.ts';
import { createLinks, EXACT_PARAMETER, encodeSegmentTwice, fillPath } from './hal/links.ts';
import { NO_SNAPSHOT_YET, SNAPSHOT_GONE } from './problems.ts';
import { parametersIn } from './route-table.ts';
import type { Choices } from './schemas/entry-point.ts';
import { readEmbedOptions } from './snapshot/embed-options.ts';
import type { PinnedSnapshots } from './snapshot/pinned-snapshots.ts';
import {
  type AnsweredSnapshot,
  type CollectionRequest,
  createAnsweredSnapshots,
  sendCollection,
  sendNothingYet,
  sendResource,
} from './snapshot-responses.ts';

export interface SnapshotEndpointOptions {
  readonly prefix: string;
  readonly snapshots: PinnedSnapshots;
  readonly resources: readonly ResourceDescriptor[];
  readonly work: BoundedWork;
}

export type SnapshotHandler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply;

/** What a route leads to: one resource, or all those whose paths begin alike. */
interface Target {
  /** Finds what the path of a request names: nothing, one resource, or several if the path is ambiguous. */
  readonly find: (path: string, isExact: boolean, context: CollectionContext) => readonly FoundResource[];
  readonly sendBeforeFirstSnapshot: (
    query: URLSearchParams,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => FastifyReply;
  /** Returns the resources that the path of a request may mean, without a snapshot. */
  readonly candidates: (path: string) => readonly ResourceDescriptor[];
  /** Returns the path of a resource that was not found, for the problem. */
  readonly describe: (path: string) => string;
}

/** Returns the handlers of all resources of a snapshot, by the path of the route. They expect a user who may read them. */
export function createSnapshotHandlers(options: SnapshotEndpointOptions): ReadonlyMap<string, SnapshotHandler> {
  const { prefix, resources } = options;
  const handle = createTargetHandler(options);
  const top = resources.filter(({ path }) => parametersIn(path).length === 0);
  return new Map([
    ...top.map((one) => [one.path, handle(targetAt(one))] as const),
    ...groupResources(resources).map((one) => [`${one.root}/*`, handle(targetBelow(one, prefix))] as const),
  ]);
}

function targetAt(resource: ResourceDescriptor): Target {
  return {
    find(_, __, context) {
      const found = findResource(resource, [], context);
      return found === undefined ? [] : [found];
    },
    sendBeforeFirstSnapshot: (query, request, reply) =>
      resource.kind === 'collection'
        ? sendNothingYet(resource, query, request, reply)
        : sendProblem(reply, NO_SNAPSHOT_YET),
    candidates: () => [resource],
    describe: (path) => path,
  };
}

function targetBelow(group: ResourceGroup, prefix: string): Target {
  const behindRoot = (path: string): string => path.slice(prefix.length + group.root.length + 1);
  return {
    find: (path, isExact, context) => resolvePath(behindRoot(path), group, isExact, context),
    sendBeforeFirstSnapshot: (_, __, reply) => sendProblem(reply, NO_SNAPSHOT_YET),
    candidates: (path) => candidatesFor(behindRoot(path), group),
    describe: (path) => (behindRoot(path) === '' ? path : prefix + describeMissing(behindRoot(path), group)),
  };
}

function createTargetHandler({
  prefix,
  snapshots,
  work,
}: SnapshotEndpointOptions): (target: Target) => SnapshotHandler {
  const links = createLinks(prefix);
  const prepare = createAnsweredSnapshots(snapshots, work);

  return ({ find, sendBeforeFirstSnapshot, candidates, describe }) =>
    function answer(request, reply) {
      const path = pathOf(request.raw);
      // The query is all that follows the first `?`; a second one is a character of it (RFC 3986, 3.4).
      const query = new URLSearchParams(request.raw.url?.slice(path.length));
      const id = query.get('snapshot') || undefined;
      const snapshot = id === undefined ? snapshots.latest() : snapshots.find(id);
      if (snapshot === undefined) {
        const wrong = wrongParameter(candidates(path), query);
        if (wrong !== undefined) return sendProblem(reply, badRequest(wrong));
        return id === undefined ? sendBeforeFirstSnapshot(query, request, reply) : sendProblem(reply, SNAPSHOT_GONE);
      }
      const answered = prepare(snapshot, request.visibility);
      const { index, selections } = answered;
      const options = readEmbedOptions(query, request.body, index.deepestLevel);
      const context = { index, options, links, keep: selections.keep };
      const found = find(path, query.has(EXACT_PARAMETER), context);
      const [one] = found;
      if (one === undefined) return sendProblem(reply, notFound(describe(path)));
      if (snapshot === snapshots.latest()) request.lifetime = { snapshot, isPage: false };
      if (found.length > 1) return sendChoices(reply, found, prefix);
      const notePage = (): void => {
        snapshots.pin(snapshot);
        if (request.lifetime) request.lifetime = { snapshot, isPage: true };
      };
      return sendFound(one, answered, { request, reply, query, options, notePage });
    };
}

/** Returns the mistake in the query if it is one for each of these resources; undefined if the query is right for one of them. */
function wrongParameter(candidates: readonly ResourceDescriptor[], query: URLSearchParams): string | undefined {
  const mistakes = candidates.map((one) => {
    if (one.kind !== 'collection') return undefined;
    const listQuery = readListQuery(query, { orders: one.orders, perPage: one.perPage });
    return 'wrong' in listQuery ? listQuery.wrong : undefined;
  });
  return mistakes.includes(undefined) ? undefined : mistakes[0];
}

function sendFound(
  { descriptor, names, found }: FoundResource,
  answered: AnsweredSnapshot,
  asked: CollectionRequest,
): FastifyReply {
  const { options } = asked;
  if (typeof found !== 'function') return sendCollection(found, answered, asked);
  const key = `${descriptor.path} ${names.join(' ')} ${options.embed} ${options.links}`;
  return sendResource(key, found, answered, asked);
}

/** Sends a link for each resource that an ambiguous path may mean. Each link stays unambiguous if a proxy decodes it. */
function sendChoices(reply: FastifyReply, choices: readonly FoundResource[], prefix: string): FastifyReply {
  const item = choices.map(({ descriptor: { path }, names }) => ({
    href: `${fillPath(prefix + path, names, encodeSegmentTwice)}?${EXACT_PARAMETER}=true`,
    title: titleOf(path),
  }));
  const headers = { vary: varyOf(reply), 'cache-control': 'private, no-cache' };
  return reply
    .code(300)
    .type(HAL)
    .headers(headers)
    .send({ _links: { item } } satisfies Choices);
}

/** Returns the last segment of a path, as a word: `tags`, or `tag` of `/repositories/{repository}/tags/{tag}`. */
function titleOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replaceAll(/[{}]/g, '');
}

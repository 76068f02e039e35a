import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Snapshots } from '../ports.ts';
import { type Body, createBodies, isNoneMatch, toBody } from './bodies.ts';
import { createLinks, EXACT_PARAMETER } from './links.ts';
import { NOT_COLLECTED_YET, notFound, sendProblem } from './problems.ts';
import { readWants } from './query.ts';
import { representRepositories, representResource } from './representations.ts';
import { describeMissing, hrefOf, resolve } from './resolve.ts';

export interface RepositoriesOptions {
  readonly prefix: string;
  readonly snapshots: Snapshots;
}

export const HAL = 'application/hal+json';

/** `GET /repositories` and everything below it, for a user who may ask. */
export function createRepositories({ prefix, snapshots }: RepositoriesOptions) {
  const links = createLinks(prefix);
  const bodies = createBodies();
  const root = links.repositories();

  function answerRoot(query: URLSearchParams, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const wants = readWants(query, request.body);
    const snapshot = snapshots.latest();
    const represent = () => representRepositories(snapshot, wants, links);
    if (snapshot === undefined) return sendBody(request, reply, toBody(represent()));
    bodies.index(snapshot);
    return sendBody(request, reply, bodies.get(`${root} ${wants.embed} ${wants.links}`, represent));
  }

  function answerBelow(
    path: string,
    query: URLSearchParams,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply {
    const snapshot = snapshots.latest();
    if (snapshot === undefined) return sendProblem(reply, NOT_COLLECTED_YET);
    const name = path.slice(root.length + 1);
    if (name === '') return sendProblem(reply, notFound(path));
    const found = resolve(name, bodies.index(snapshot), query.has(EXACT_PARAMETER));
    const [resource] = found;
    if (resource === undefined) return sendProblem(reply, notFound(prefix + describeMissing(name)));
    if (found.length > 1) {
      const choices = found.map((choice) => ({
        href: `${hrefOf(choice, links)}?${EXACT_PARAMETER}=true`,
        title: choice.kind,
      }));
      return reply
        .code(300)
        .type(HAL)
        .header('cache-control', 'private, no-cache')
        .send({ _links: { item: choices } });
    }
    const wants = readWants(query, request.body);
    const key = `${hrefOf(resource, links)} ${wants.embed} ${wants.links}`;
    return sendBody(
      request,
      reply,
      bodies.get(key, () => representResource(resource, wants, links)),
    );
  }

  return function answerRepositories(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const [path = '', search = ''] = request.raw.url?.split('?', 2) ?? [];
    const query = new URLSearchParams(search);
    return path === root ? answerRoot(query, request, reply) : answerBelow(path, query, request, reply);
  };
}

function sendBody(request: FastifyRequest, reply: FastifyReply, { bytes, etag }: Body): FastifyReply {
  reply.header('etag', etag).header('cache-control', 'private, no-cache').header('vary', 'Accept, Authorization');
  if (isNoneMatch(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.header('content-type', HAL).send(bytes);
}

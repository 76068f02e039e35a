/* Resources that do not come from a snapshot: tokens, the entry point, choices, problems. */

import { z } from 'zod';
import { checks } from './crawl.ts';
import { count, type Lazily, link, template, text } from './schema-parts.ts';

export const authToken = z
  .strictObject({
    auth_token: text('The token, a JWT.'),
    expires_in: count('How long the token is valid, in seconds.'),
  })
  .describe('A token for all other requests.');
export type AuthToken = z.output<typeof authToken>;

const typedLink = z.strictObject({
  href: text('A path of this server.'),
  type: text('The media type of the resource.'),
});

/** @param relations the relations of the resources of a snapshot */
export function entryPoint(relations: readonly string[]) {
  return z
    .strictObject({
      name: text('The name of this software.'),
      version: text('Its version.'),
      _links: z.strictObject({
        self: link,
        'service-desc': typedLink.describe('The OpenAPI document (RFC 8631).'),
        'service-doc': typedLink.describe('The documentation page (RFC 8631).'),
        auth_token: link,
        ...(Object.fromEntries(relations.map((relation) => [relation, template])) as Record<never, typeof template>),
        crawl: link,
        live: link,
        ready: link,
      }),
    })
    .describe('Links to all other resources.');
}
export type EntryPoint = Lazily<z.output<ReturnType<typeof entryPoint>>>;

export const choices = z
  .strictObject({ _links: z.strictObject({ item: z.array(link).min(2) }) })
  .describe('The resources that an ambiguous path may mean: a slash in it may be part of a name, decoded by a proxy.');
export type Choices = Lazily<z.output<typeof choices>>;

const problemState = {
  type: z.literal('about:blank'),
  title: text('The name of the status.'),
  status: z.int().min(400).max(599),
  detail: text('The error and how to correct it, for people.'),
  instance: text('`#` and the id of the request; absent if the request could not be parsed.').optional(),
  message: text('The same as detail, for old clients.'),
  msg: text('The same as detail, for old clients.'),
};
export const problem = z.strictObject(problemState).describe('A problem document (RFC 9457).');
export type ProblemBody = Lazily<z.output<typeof problem>>;

export const notReady = z
  .strictObject({ ...problemState, checks })
  .describe('The service has no snapshot yet; the checks say why.');

/** What a registry sends. Unknown fields of an event are ignored. */
export const envelope = z
  .looseObject({ events: z.array(z.unknown()) })
  .describe(
    'Notifications of a registry that is based on Distribution. The service ignores events and fields that it does not know.',
  );

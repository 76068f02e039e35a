/* What is answered without a snapshot: tokens, the entry point, choices, problems. */

import { z } from 'zod';
import { checks } from './crawl.ts';
import { count, type Lazily, link, template, text } from './schema-parts.ts';

export const authToken = z
  .strictObject({ auth_token: text('The token, a JWT.'), expires_in: count('For how long it is valid, in seconds.') })
  .describe('A token for all the rest.');
export type AuthToken = z.output<typeof authToken>;

const typedLink = z.strictObject({ href: text('A path of this server.'), type: text('The media type there.') });

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
  .describe('The path means several things, since a slash in it may be its own or was decoded on the way.');
export type Choices = Lazily<z.output<typeof choices>>;

const problemState = {
  type: z.literal('about:blank'),
  title: text('What the status is called.'),
  status: z.int().min(400).max(599),
  detail: text('What is wrong, for people.'),
  instance: text('`#` and the id of the request; absent where it was not understood at all.').optional(),
  message: text('The same as detail, for old clients.'),
  msg: text('The same as detail, for old clients.'),
};
export const problem = z.strictObject(problemState).describe('What is wrong (RFC 9457).');
export type ProblemBody = Lazily<z.output<typeof problem>>;

export const notReady = z
  .strictObject({ ...problemState, checks })
  .describe('There is nothing to answer from yet, and why.');

/** What a registry sends. Events are read by what is understood of them, and the rest is passed over. */
export const envelope = z
  .looseObject({ events: z.array(z.unknown()) })
  .describe('Events of a registry of the Distribution family. What is not understood of them is passed over.');

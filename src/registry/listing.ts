import { z } from 'zod';
import { errorCodes, parseJson } from './answers.ts';
import type { AuthorizedClient } from './authorized.ts';
import { RegistryError } from './errors.ts';
import { nextPage } from './link.ts';
import { CATALOG, type TokenSubject } from './tokens.ts';

/** The largest page that every registry gives: some refuse more. */
const LARGEST_PAGE = 1000;

export const catalogPage = z
  .object({ repositories: z.array(z.string()).nullish() })
  .transform((page) => page.repositories ?? []);
export const tagsPage = z.object({ tags: z.array(z.string()).nullish() }).transform((page) => page.tags ?? []);

export interface Listing<T> {
  readonly subject: TokenSubject;
  /** Below the registry's URL. */
  readonly path: string;
  readonly page: z.ZodType<T[]>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A listing, page by page: to the last `next` link, however many a page holds. A subject that is gone has none. */
export async function* pages<T>(
  client: AuthorizedClient,
  registryUrl: URL,
  { subject, path, page: schema, headers }: Listing<T>,
  signal: AbortSignal,
): AsyncGenerator<T[]> {
  const seen = new Set<string>();
  let size: string | undefined = String(LARGEST_PAGE);
  let last: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ ...(size && { n: size }), ...(last !== undefined && { last }) });
    const answer = await client.send(subject, `${path}?${query}`, {
      method: 'GET',
      signal,
      ...(headers && { headers }),
    });
    if (answer.status === 404 && subject !== CATALOG) return;
    if (answer.status === 400 && size !== undefined && errorCodes(answer).includes('PAGINATION_NUMBER_INVALID')) {
      size = Number(size) > 1 ? String(Math.floor(Number(size) / 2)) : undefined;
      continue;
    }
    const url = new URL(path, registryUrl);
    if (answer.status !== 200) throw new RegistryError('unreadable', `status ${answer.status}`, url, answer);
    const page = schema.safeParse(parseJson(answer.body));
    if (!page.success) throw new RegistryError('unreadable', 'the listing is not as the protocol has it', url, answer);
    yield page.data;
    const next = nextPage(answer.headers['link']);
    if (next === undefined) return;
    if (seen.has(next.last))
      throw new RegistryError('unreadable', 'the pages of the listing go round in a circle', url);
    seen.add(next.last);
    last = next.last;
    size = next.n ?? size;
  }
}

import { z } from 'zod';
import { parseDigest, parseTagName, type RepositoryName } from '../../domain/names.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import type { IllegalName, ListedTag } from '../../ports.ts';
import type { AuthorizedClient } from '../auth/authorized-client.ts';
import { RegistryError } from '../errors.ts';
import { createIllegalNames } from '../illegal-names.ts';
import { pages } from '../paginated-listing.ts';

/**
 * The listing of tags that GitLab's registry has beside the one of the protocol, where it keeps a metadata database:
 * it says what each tag points at, a thousand tags at a time (container-registry, docs/spec/gitlab/api.md, "List Repository Tags").
 */
export interface GitlabTags {
  /** Forgets whether the registry has it: that may have changed since the last crawl. */
  begin(): void;
  /** The tags of a repository, or undefined where this listing does not have them, and the other one has to be asked. */
  list(
    repository: RepositoryName,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ListedTag | IllegalName> | undefined>;
}

/** Every path ends with a slash: without it there would be a redirect. */
const ROOT = 'gitlab/v1/';
/** Where GitLab hands out tokens. Registries that get theirs elsewhere are not its own, and are not asked. */
const GITLAB_REALM = /\/jwt\/auth$/;

const tagsPage = z
  .array(z.object({ name: z.string(), digest: z.unknown().optional() }))
  .transform((page) => page.map(({ name, digest }) => readTag(name, digest)));

export function createGitlabTags(client: AuthorizedClient, registryUrl: URL): GitlabTags {
  /** One question for all: whether there is such a listing, or undefined where those who asked might not ask. */
  const probe = createSingleFlight<boolean | undefined>((isThere) => isThere !== undefined);

  async function ask(repository: RepositoryName, signal: AbortSignal): Promise<boolean | undefined> {
    try {
      const realm = await client.realm(signal);
      if (realm === undefined || !GITLAB_REALM.test(realm.pathname)) return false;
      const answer = await client.send(repository, ROOT, { method: 'GET', signal });
      return answer.status === 200 && z.object({}).safeParse(parseJson(answer.body)).success;
    } catch (error) {
      if (isOfThisApi(error, new URL(ROOT, registryUrl))) return false;
      if (error instanceof RegistryError && error.kind === 'forbidden') return undefined;
      throw error;
    }
  }

  async function isThere(repository: RepositoryName, signal: AbortSignal): Promise<boolean> {
    for (let hasAsked = false; ; ) {
      const found = await probe.ask(signal, (asked) => {
        hasAsked = true;
        return ask(repository, asked);
      });
      if (found !== undefined) return found;
      if (hasAsked) return false;
    }
  }

  return {
    begin: probe.forget,
    async list(repository, signal) {
      if (!(await isThere(repository, signal))) return undefined;
      const path = `${ROOT}repositories/${repository}/tags/list/`;
      const listing = { subject: repository, path, page: tagsPage, hasOwnSize: true } as const;
      const tags = new Map<string, ListedTag | IllegalName>();
      const illegal = createIllegalNames();
      try {
        for await (const page of pages(client, registryUrl, listing, signal)) {
          for (const listed of page) {
            const tag = 'illegal' in listed ? illegal.take(listed.illegal) : listed;
            if (tag !== undefined) tags.set('illegal' in tag ? tag.illegal : tag.name, tag);
          }
        }
        return tags;
      } catch (error) {
        if (isOfThisApi(error, new URL(path, registryUrl))) return undefined;
        throw error;
      }
    },
  };
}

function readTag(text: string, digestText: unknown): ListedTag | IllegalName {
  const name = parseTagName(text);
  if (name === undefined) return { illegal: text };
  const digest = typeof digestText === 'string' ? parseDigest(digestText) : undefined;
  return digest === undefined ? { name } : { name, digest };
}

/** Whether the failure is one of this API, which says nothing of the protocol's own: an old version, no database, a proxy that keeps it shut. */
function isOfThisApi(error: unknown, url: URL): boolean {
  if (!(error instanceof RegistryError)) return false;
  if (error.kind === 'unreadable') return true;
  return error.url === url.href && (error.status === 401 || error.status === 403);
}

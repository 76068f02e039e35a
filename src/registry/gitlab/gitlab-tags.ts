import { z } from 'zod';
import { parseDigest, parseTagName, type RepositoryName } from '../../domain/names.ts';
import type { TagTimes } from '../../domain/snapshot/snapshot.ts';
import { parseJson } from '../../lib/parse-json.ts';
import { parseRfc3339 } from '../../lib/rfc3339.ts';
import { createSingleFlight } from '../../lib/single-flight.ts';
import type { IllegalName, ListedTag } from '../../ports.ts';
import type { AuthorizedClient } from '../auth/authorized-client.ts';
import { RegistryError } from '../errors.ts';
import { createIllegalNames } from '../illegal-names.ts';
import { pages } from '../paginated-listing.ts';

/**
 * An additional tag list of GitLab's registry with a metadata database. It includes the digest and the times of each tag, a thousand tags per request
 * (container-registry, docs/spec/gitlab/api.md, "List Repository Tags").
 */
export interface GitlabTags {
  /** Forgets whether the registry has this API: that may have changed since the last crawl. */
  begin(): void;
  /** Returns whether the registry has this API. Asks with the rights of that repository, and only once. */
  isThere(repository: RepositoryName, signal: AbortSignal): Promise<boolean>;
  /** Lists the tags of a repository; undefined if this API does not have them, so that the protocol's own list must be read. */
  list(
    repository: RepositoryName,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, ListedTag | IllegalName> | undefined>;
}

/** Every path ends with a slash; otherwise the registry redirects. */
const ROOT = 'gitlab/v1/';
/** The path of GitLab's token service. Registries with another token service do not belong to GitLab, and are not asked. */
const GITLAB_REALM = /\/jwt\/auth$/;

const item = z.object({
  name: z.string(),
  digest: z.unknown().optional(),
  created_at: z.unknown().optional(),
  updated_at: z.unknown().optional(),
  published_at: z.unknown().optional(),
});
type Item = z.infer<typeof item>;
const tagsPage = z.array(item).transform((page) => page.map(readTag));

export function createGitlabTags(client: AuthorizedClient, registryUrl: URL): GitlabTags {
  /** One probe for all callers: whether the API exists; undefined if the callers were not allowed to ask. */
  const probe = createSingleFlight<boolean | undefined>((isThere) => isThere !== undefined);

  async function ask(repository: RepositoryName, signal: AbortSignal): Promise<boolean | undefined> {
    try {
      const realm = await client.realm(signal);
      if (realm === undefined || !GITLAB_REALM.test(realm.pathname)) return false;
      const response = await client.send(repository, ROOT, { method: 'GET', signal });
      return response.status === 200 && z.object({}).safeParse(parseJson(response.body)).success;
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
    isThere,
    async list(repository, signal) {
      if (!(await isThere(repository, signal))) return undefined;
      const path = `${ROOT}repositories/${repository}/tags/list/`;
      const listing = { subject: repository, path, page: tagsPage, nameOf, what: 'tags', hasOwnSize: true } as const;
      const tags = new Map<string, ListedTag | IllegalName>();
      const illegal = createIllegalNames();
      try {
        for await (const page of pages(client, registryUrl, listing, signal)) {
          for (const listed of page) {
            if ('cut' in listed) return undefined;
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

function readTag(listed: Item): ListedTag | IllegalName {
  const name = parseTagName(listed.name);
  if (name === undefined) return { illegal: listed.name };
  const digest = typeof listed.digest === 'string' ? parseDigest(listed.digest) : undefined;
  const times = readTimes(listed);
  return { name, ...(digest !== undefined && { digest }), ...(times !== undefined && { times }) };
}

/** Returns undefined if the item contains no time. */
function readTimes({ created_at, updated_at, published_at }: Item): TagTimes | undefined {
  const [createdAt, updatedAt, publishedAt] = [readTime(created_at), readTime(updated_at), readTime(published_at)];
  if (createdAt === undefined && updatedAt === undefined && publishedAt === undefined) return undefined;
  return { createdAt, updatedAt, publishedAt };
}

/** Returns undefined for anything but a time between the years 1971 and 9999: Go writes the year 1 for a time that is not set. */
function readTime(value: unknown): number | undefined {
  const at = typeof value === 'string' ? parseRfc3339(value) : undefined;
  return at !== undefined && at >= EARLIEST && at <= LATEST ? at : undefined;
}

const EARLIEST = Date.UTC(1971, 0);
const LATEST = Date.UTC(9999, 11, 31);

function nameOf(tag: ListedTag | IllegalName): string {
  return 'illegal' in tag ? tag.illegal : tag.name;
}

/** Returns whether the failure concerns only this API: an old version, no metadata database, or a proxy that blocks it. */
function isOfThisApi(error: unknown, url: URL): boolean {
  if (!(error instanceof RegistryError)) return false;
  if (error.kind === 'unreadable') return true;
  // The registry may have redirected to https: only the path tells.
  return new URL(error.url).pathname === url.pathname && (error.status === 401 || error.status === 403);
}

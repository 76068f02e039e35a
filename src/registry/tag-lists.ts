import type { RepositoryName } from '../domain/names.ts';
import type { Registry } from '../ports.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { createConfiguredNames, type DiscoveryOptions } from './discovery.ts';
import { RegistryError } from './errors.ts';
import { createGitlabTags } from './gitlab/gitlab-tags.ts';
import { listTags } from './paginated-listing.ts';

export interface TagListsOptions extends DiscoveryOptions {
  readonly registryUrl: URL;
  /** The GitLab of the registry; undefined for a registry without GitLab. */
  readonly gitlabUrl?: string | undefined;
}

/** Lists tags with the best API that the registry has. */
export interface TagLists {
  /** Forgets which APIs the registry has: they may have changed since the last crawl. */
  begin(): void;
  readonly list: Registry['tags'];
  /** Returns whether GitLab's own API lists the tags of that repository. */
  usesGitlabApi(repository: RepositoryName, signal: AbortSignal): Promise<boolean>;
}

const UNKNOWN = 'the registry does not know the repository that the configuration names';

export function createTagLists(client: AuthorizedClient, options: TagListsOptions): TagLists {
  const { registryUrl, gitlabUrl } = options;
  const gitlabTags = gitlabUrl === undefined ? undefined : createGitlabTags(client, registryUrl);
  const isConfigured = createConfiguredNames(options);
  return {
    begin: () => gitlabTags?.begin(),
    usesGitlabApi: async (repository, signal) => (await gitlabTags?.isThere(repository, signal)) ?? false,
    async list(repository, signal) {
      const gitlabTagsOfRepository = await gitlabTags?.list(repository, signal);
      // For an unknown repository, GitLab's list is empty too; the list of the protocol tells the two cases apart.
      if (gitlabTagsOfRepository !== undefined && (gitlabTagsOfRepository.size > 0 || !isConfigured(repository)))
        return [...gitlabTagsOfRepository.values()];
      const tags = await listTags(client, repository, registryUrl, signal);
      if (tags !== undefined) return tags;
      // This may be a typing error. Distribution answers the same if all tags were deleted, so it is reported as a gap in both cases.
      if (isConfigured(repository))
        throw new RegistryError('unreadable', UNKNOWN, new URL(`v2/${repository}/tags/list`, registryUrl));
      return [];
    },
  };
}

import type { Registry } from '../ports.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { createWrittenOut, type DiscoveryOptions } from './discovery.ts';
import { RegistryError } from './errors.ts';
import { createGitlabTags } from './gitlab/gitlab-tags.ts';
import { listTags } from './paginated-listing.ts';

export interface TagListsOptions extends DiscoveryOptions {
  readonly registryUrl: URL;
  /** The GitLab that the registry belongs to; undefined for a registry on its own. */
  readonly gitlabUrl?: string | undefined;
}

/** The tags of each repository, by the best listing that the registry has. */
export interface TagLists {
  /** Forgets which listings the registry has: that may have changed since the last crawl. */
  begin(): void;
  readonly list: Registry['tags'];
}

const UNKNOWN = 'the registry does not know the repository that the configuration names';

export function createTagLists(client: AuthorizedClient, options: TagListsOptions): TagLists {
  const { registryUrl, gitlabUrl } = options;
  const gitlabTags = gitlabUrl === undefined ? undefined : createGitlabTags(client, registryUrl);
  const isWrittenOut = createWrittenOut(options);
  return {
    begin: () => gitlabTags?.begin(),
    async list(repository, signal) {
      const ofGitlab = await gitlabTags?.list(repository, signal);
      // GitLab's listing has none of an unknown repository, either: the protocol's own tells the two apart.
      if (ofGitlab !== undefined && (ofGitlab.size > 0 || !isWrittenOut(repository))) return [...ofGitlab.values()];
      const tags = await listTags(client, repository, registryUrl, signal);
      if (tags !== undefined) return tags;
      // A typing mistake, for all one can tell: Distribution answers the same where all tags were deleted, so that this is a gap, too.
      if (isWrittenOut(repository))
        throw new RegistryError('unreadable', UNKNOWN, new URL(`v2/${repository}/tags/list`, registryUrl));
      return [];
    },
  };
}

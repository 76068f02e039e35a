import type { Contradiction } from './contradiction.ts';
import type { Values } from './schema.ts';

type RegistryValues = Partial<Values['registry']>;

/** Returns the contradictions between the source of the repository list and the credentials. */
export function discoveryContradictions(registry: RegistryValues): readonly Contradiction[] {
  const found = [...credentials(registry), ...sources(registry)];
  return found.map(({ key, ...rest }) => ({ section: 'registry', keys: [key], ...rest }));
}

interface Found {
  readonly key: string;
  readonly message: string;
  readonly without?: string;
}

function credentials(registry: RegistryValues): readonly Found[] {
  const { username, access_token: token, gitlab_base_url: gitlab } = registry;
  if (!('username' in registry && 'access_token' in registry && 'gitlab_base_url' in registry)) return [];
  if (token !== undefined) {
    const message = 'is empty although access_token is set; set both or neither';
    return username === undefined ? [{ key: 'username', message }] : [];
  }
  if (gitlab !== undefined) {
    const message = 'is set without access_token; set both, or neither for a registry without GitLab';
    return [{ key: 'gitlab_base_url', message, without: 'access_token' }];
  }
  // `root` is the default, so it does not show that the operator set a name.
  const message = 'is set without access_token; set both, or neither if anonymous users may read the registry';
  return username === undefined || username === 'root' ? [] : [{ key: 'username', message, without: 'access_token' }];
}

function sources(registry: RegistryValues): readonly Found[] {
  const { discovery, groups = [], repositories = [] } = registry;
  if (discovery === undefined) return [];
  const found: Found[] = [];
  const isWithoutGitlab = 'gitlab_base_url' in registry && registry.gitlab_base_url === undefined;
  if (discovery === 'gitlab' && isWithoutGitlab)
    found.push({
      key: 'discovery',
      message: 'is gitlab, but gitlab_base_url is not set; set it, or use another source',
    });
  if (discovery === 'list' && 'repositories' in registry && repositories.length === 0)
    found.push({ key: 'discovery', message: 'is list, but repositories is not set; set it, or use another source' });
  if (discovery !== 'list' && repositories.length > 0)
    found.push({
      key: 'repositories',
      message: `has no effect without discovery = list; set that, or use include`,
    });
  if (groups.length > 0 && (discovery === 'catalog' || isWithoutGitlab))
    found.push({
      key: 'groups',
      message: 'has no effect, because GitLab does not list the repositories; set discovery = gitlab, or use include',
    });
  return found;
}

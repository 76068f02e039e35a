import type { Contradiction } from './contradictions.ts';
import type { Values } from './schema.ts';

type RegistryValues = Partial<Values['registry']>;

/** What of the ways to find repositories, and of who asks, is right by itself and wrong together. */
export function inDiscovery(registry: RegistryValues): readonly Contradiction[] {
  const found = [...credentials(registry), ...ways(registry)];
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
    const message = 'is empty although access_token is set; expected both or neither';
    return username === undefined ? [{ key: 'username', message }] : [];
  }
  if (gitlab !== undefined) {
    const message = 'is set without access_token; expected both, or neither for a registry without GitLab';
    return [{ key: 'gitlab_base_url', message, without: 'access_token' }];
  }
  // The name that it has without being set says nothing.
  const message = 'is set without access_token; expected both, or neither where everybody may read the registry';
  return username === undefined || username === 'root' ? [] : [{ key: 'username', message, without: 'access_token' }];
}

function ways(registry: RegistryValues): readonly Found[] {
  const { discovery, groups = [], repositories = [] } = registry;
  if (discovery === undefined) return [];
  const found: Found[] = [];
  const isWithoutGitlab = 'gitlab_base_url' in registry && registry.gitlab_base_url === undefined;
  if (discovery === 'gitlab' && isWithoutGitlab)
    found.push({ key: 'discovery', message: 'is gitlab without gitlab_base_url; expected both, or another way' });
  if (discovery === 'list' && 'repositories' in registry && repositories.length === 0)
    found.push({ key: 'discovery', message: 'is list without repositories; expected both, or another way' });
  if (discovery !== 'list' && repositories.length > 0)
    found.push({
      key: 'repositories',
      message: `is set, and counts only with discovery = list; expected that, or include`,
    });
  if (groups.length > 0 && (discovery === 'catalog' || isWithoutGitlab))
    found.push({
      key: 'groups',
      message: 'is set, and GitLab is not asked for them; expected discovery = gitlab, or include',
    });
  return found;
}

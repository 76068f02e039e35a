import { type LabGitlab, startGitlab } from '../../lab/gitlab.ts';
import type { LabMember, LabProject } from '../../lab/gitlab-rest.ts';
import { config } from '../../lab/images.ts';
import { createPusher, type Pusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { startTokenService } from '../../lab/token-service.ts';
import type { DistributionOptions, DistributionRegistry } from '../../src/registry/distribution.ts';
import { connect } from './registry-client.ts';

export interface GitlabLab {
  readonly gitlab: LabGitlab;
  readonly registry: LabRegistry;
  readonly pusher: Pusher;
  /** Creates a client with the credentials of that user. */
  as(username: string, options?: Partial<DistributionOptions>): DistributionRegistry;
  remove(): Promise<void>;
}

/** Starts the stand-in for GitLab with a real registry, and an image `v1` in each repository of the projects. The token of a user is `token of <name>`. */
export async function startGitlabLab(
  users: readonly Omit<LabMember, 'accessToken'>[],
  projects: readonly LabProject[],
): Promise<GitlabLab> {
  const members = users.map((user) => ({ ...user, accessToken: `token of ${user.username}` }));
  const tokens = await startTokenService(members);
  const registry = await startRegistry({ tokens });
  const pusher = createPusher(registry, tokens);
  for (const name of projects.flatMap(({ repositories }) => repositories))
    await pusher.image(name, 'v1', { config: config(name), layers: [] });
  const gitlab = await startGitlab({ registry, tokens, users: members, projects });
  return {
    gitlab,
    registry,
    pusher,
    as: (username, options = {}) =>
      connect(gitlab.registryUrl, {
        gitlabUrl: `${gitlab.url}/`,
        username,
        accessToken: `token of ${username}`,
        ...options,
      }),
    async remove() {
      await gitlab.stop();
      await registry.remove();
      await tokens.stop();
    },
  };
}

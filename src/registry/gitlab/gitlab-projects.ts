import { z } from 'zod';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { createGitlabApi, type GitlabApi, type GitlabApiOptions } from './gitlab-api.ts';

export interface GitlabProjectsOptions extends GitlabApiOptions {
  /** Paths of groups or projects; if empty, all projects of the user. */
  readonly groups: readonly string[];
}

const projectsPage = z.array(z.object({ id: z.number().int() }));
const repositoriesPage = z.array(z.object({ path: z.string() }));

const MEMBERSHIPS = 'projects?membership=true&simple=true&pagination=keyset&order_by=id&sort=asc&per_page=100';

/**
 * Lists the repositories that GitLab's REST API knows ("Container registry API"; "Projects API"), a few at a time. Throws if a configured group or
 * project is not available.
 */
export async function* gitlabRepositories(
  http: HttpClient,
  options: GitlabProjectsOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const api = createGitlabApi(http, options, signal);
  if (options.groups.length === 0) yield* ofMemberships(api, options.gitlabUrl);
  for (const path of options.groups) yield await ofGroup(api, path);
}

/** Lists the repositories of a group with its subgroups, or of a project: the path does not tell which of them it is. */
async function ofGroup(api: GitlabApi, path: string): Promise<readonly string[]> {
  try {
    return await repositoriesOf(api, 'groups', path).catch((refusal: unknown) => {
      if (!isRefusal(refusal, [404])) throw refusal;
      return repositoriesOf(api, 'projects', path);
    });
  } catch (refusal) {
    if (!isRefusal(refusal, [403, 404])) throw refusal;
    throw refusal.because(`GitLab has no group or project ${path} with a registry, or does not show it to the user`);
  }
}

async function* ofMemberships(api: GitlabApi, gitlabUrl: string): AsyncGenerator<readonly string[]> {
  let projectsCount = 0;
  let refusedCount = 0;
  for await (const projects of api.pages(MEMBERSHIPS, projectsPage)) {
    projectsCount += projects.length;
    const found = await Promise.all(
      projects.map(({ id }) =>
        repositoriesOf(api, 'projects', String(id)).catch((refusal: unknown) => {
          if (!isRefusal(refusal, [403, 404])) throw refusal;
          refusedCount++; // the registry of this project is disabled, or the user's role is too low
          return [];
        }),
      ),
    );
    yield found.flat();
  }
  if (refusedCount < projectsCount) return;
  const what =
    projectsCount === 0
      ? 'the user is not a member of any GitLab project; name groups or projects in groups'
      : 'GitLab does not show the registry of any project of the user';
  throw new RegistryError('forbidden', what, new URL('api/v4/projects', gitlabUrl));
}

async function repositoriesOf(api: GitlabApi, what: 'groups' | 'projects', id: string): Promise<readonly string[]> {
  const path = `${what}/${encodeURIComponent(id)}/registry/repositories?per_page=100`;
  return (await api.all(path, repositoriesPage)).map((repository) => repository.path);
}

function isRefusal(error: unknown, statuses: readonly number[]): error is RegistryError {
  return error instanceof RegistryError && error.kind === 'forbidden' && statuses.includes(error.status ?? 0);
}

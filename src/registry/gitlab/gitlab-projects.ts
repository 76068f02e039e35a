import { z } from 'zod';
import { RegistryError } from '../errors.ts';
import type { HttpClient } from '../transport/http-client.ts';
import { createGitlabApi, type GitlabApi, type GitlabApiOptions } from './gitlab-api.ts';

export interface GitlabProjectsOptions extends GitlabApiOptions {
  /** Paths of groups or projects; every project that the user is a member of without any. */
  readonly groups: readonly string[];
}

const projectsPage = z.array(z.object({ id: z.number().int() }));
const repositoriesPage = z.array(z.object({ path: z.string() }));

const MEMBERSHIPS = 'projects?membership=true&simple=true&pagination=keyset&order_by=id&sort=asc&per_page=100';

/**
 * The names of the repositories that GitLab's REST API lists ("Container registry API"; "Projects API"), some at a time.
 * What somebody asks for and does not get is an error.
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

/** The repositories of a group and of all below it, or of a project: a path does not tell which it is. */
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
          refusedCount++; // its registry is switched off, or the user has too small a part in it
          return [];
        }),
      ),
    );
    yield found.flat();
  }
  if (refusedCount < projectsCount) return;
  const what =
    projectsCount === 0
      ? 'the user is a member of no project of GitLab; groups can name those to look at'
      : 'GitLab shows the user the registry of none of its projects';
  throw new RegistryError('forbidden', what, new URL('api/v4/projects', gitlabUrl));
}

async function repositoriesOf(api: GitlabApi, what: 'groups' | 'projects', id: string): Promise<readonly string[]> {
  const path = `${what}/${encodeURIComponent(id)}/registry/repositories?per_page=100`;
  return (await api.all(path, repositoriesPage)).map((repository) => repository.path);
}

function isRefusal(error: unknown, statuses: readonly number[]): error is RegistryError {
  return error instanceof RegistryError && error.kind === 'forbidden' && statuses.includes(error.status ?? 0);
}

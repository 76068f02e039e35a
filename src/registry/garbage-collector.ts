import { z } from 'zod';
import type { RepositoryName } from '../domain/names.ts';
import type { AssumedCollector } from '../domain/usage/garbage-collector.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { CATALOG } from './auth/token-scope.ts';
import { RegistryError } from './errors.ts';
import { header } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

/* No registry says which garbage collector it has, so this looks at what only one kind of registry answers:
 *
 *   GitLab         the header Gitlab-Container-Registry-Version, and whether there is a metadata database in a second header or at /gitlab/v1/
 *   zot            a list of extensions at /v2/_oci/ext/discover
 *   Harbor         its own API at /api/v2.0/systeminfo
 *   Distribution   the header Docker-Distribution-Api-Version; version 3 splits a list of tags into pages, version 2 ignores `n`
 *
 * Neither `deleteReferrers` of zot nor whether the operator of a Distribution registry deletes untagged manifests is visible. */

export interface CollectorQuestions {
  readonly client: AuthorizedClient;
  /** Returns whether the crawl lists the tags of that repository with GitLab's API, which needs a metadata database. */
  readonly usesGitlabApi: (repository: RepositoryName, signal: AbortSignal) => Promise<boolean>;
}

export async function detectCollector(
  { client, usesGitlabApi }: CollectorQuestions,
  sample: RepositoryName | undefined,
  signal: AbortSignal,
): Promise<AssumedCollector> {
  const ask = (subject: RepositoryName | typeof CATALOG, path: string): Promise<HttpResponse | undefined> =>
    client.send(subject, path, { method: 'GET', signal }).catch(unlessRefused);

  const version = await ask(sample ?? CATALOG, 'v2/');
  const headerOf = (name: string): string => (version === undefined ? '' : (header(version, name) ?? ''));
  if (headerOf('gitlab-container-registry-version') !== '') {
    const named = headerOf('gitlab-container-registry-database-enabled');
    // Before version 3.84, the registry did not send this header.
    const hasDatabase =
      named === '' ? (await ask(sample ?? CATALOG, 'gitlab/v1/'))?.status === 200 : named.toLowerCase() === 'true';
    return hasDatabase
      ? { engine: 'gitlab-database', reason: 'the registry is that of GitLab, with a metadata database' }
      : {
          engine: 'gitlab-filesystem',
          reason: 'the registry is that of GitLab, without a metadata database; the operator is assumed to use -m',
        };
  }
  if (sample !== undefined && (await usesGitlabApi(sample, signal)))
    return { engine: 'gitlab-database', reason: '/gitlab/v1/ answers, which needs a metadata database' };
  if (hasKey(await ask(sample ?? CATALOG, 'v2/_oci/ext/discover'), 'extensions'))
    return { engine: 'zot', reason: '/v2/_oci/ext/discover lists extensions; deleteReferrers is assumed to be off' };
  if (hasKey(await ask(sample ?? CATALOG, 'api/v2.0/systeminfo'), 'auth_mode'))
    return { engine: 'harbor', reason: '/api/v2.0/systeminfo answers' };
  if (headerOf('docker-distribution-api-version') !== 'registry/2.0')
    return { engine: 'unknown', reason: 'the registry is of no known kind' };
  if (sample === undefined)
    return {
      engine: 'unknown',
      reason: 'no repository has two tags, which would tell the versions of Distribution apart',
    };
  return distribution(await ask(sample, `v2/${sample}/tags/list?n=1`));
}

function distribution(response: HttpResponse | undefined): AssumedCollector {
  const page = response?.status === 200 ? tags.safeParse(parseJson(response.body)) : undefined;
  if (page?.success !== true) return { engine: 'unknown', reason: 'the registry did not list one tag of a repository' };
  return page.data.tags.length > 1
    ? {
        engine: 'distribution-2',
        reason: 'tags/list?n=1 returns all tags, as Distribution 2 does; the operator is assumed to use -m',
      }
    : {
        engine: 'distribution-3',
        reason: 'tags/list?n=1 returns one tag, as Distribution 3 does; the operator is assumed to use -m',
      };
}

const tags = z.object({ tags: z.array(z.unknown()) });

function hasKey(response: HttpResponse | undefined, key: string): boolean {
  if (response?.status !== 200) return false;
  const body = parseJson(response.body);
  return typeof body === 'object' && body !== null && Object.hasOwn(body, key);
}

/** A refusal is an answer too: it does not look like that kind of registry. */
function unlessRefused(error: unknown): undefined {
  if (error instanceof RegistryError && error.kind !== 'unavailable') return undefined;
  throw error;
}

import { expect, onTestFinished, test } from 'vitest';
import type { RepositoryName } from '../../src/domain/names.ts';
import { connect } from '../support/registry-client.ts';
import { type Answer, startStandIn } from '../support/stand-in.ts';

const SAMPLE = 'group/app' as RepositoryName;
const { signal } = new AbortController();

/** Starts a registry that answers these paths, and 404 to every other one; returns the garbage collector that the client assumes. */
async function engineOf(answers: Readonly<Record<string, Answer>>, sample: RepositoryName | undefined = SAMPLE) {
  const registry = await startStandIn((_, { pathname, search }) => answers[pathname + search] ?? { status: 404 });
  onTestFinished(registry.stop);
  return (await connect(registry.url).garbageCollector(sample, signal)).engine;
}

const distribution: Answer = { body: {}, headers: { 'docker-distribution-api-version': 'registry/2.0' } };
const gitlab = (headers: Record<string, string>): Answer => ({
  body: {},
  headers: { 'gitlab-container-registry-version': '4.39.0-gitlab', ...headers },
});
const onePage = '/v2/group/app/tags/list?n=1';

test.each([
  {
    what: 'GitLab with a database, by its header',
    engine: 'gitlab-database',
    answers: { '/v2/': gitlab({ 'gitlab-container-registry-database-enabled': 'true' }) },
  },
  {
    what: 'GitLab without a database, by its header',
    engine: 'gitlab-filesystem',
    answers: { '/v2/': gitlab({ 'gitlab-container-registry-database-enabled': 'false' }) },
  },
  {
    what: 'an older GitLab with a database, by its API',
    engine: 'gitlab-database',
    answers: { '/v2/': gitlab({}), '/gitlab/v1/': { body: {} } },
  },
  { what: 'an older GitLab without a database', engine: 'gitlab-filesystem', answers: { '/v2/': gitlab({}) } },
  {
    what: 'zot, by its extensions',
    engine: 'zot',
    answers: { '/v2/': distribution, '/v2/_oci/ext/discover': { body: { extensions: [] } } },
  },
  {
    what: 'Harbor, by its API',
    engine: 'harbor',
    answers: { '/v2/': distribution, '/api/v2.0/systeminfo': { body: { auth_mode: 'db_auth' } } },
  },
  {
    what: 'Distribution 2, which ignores n',
    engine: 'distribution-2',
    answers: { '/v2/': distribution, [onePage]: { body: { tags: ['b', 'a'] } } },
  },
  {
    what: 'Distribution 3, which returns one tag',
    engine: 'distribution-3',
    answers: { '/v2/': distribution, [onePage]: { body: { tags: ['a'] } } },
  },
  {
    what: 'a registry of another kind as unknown',
    engine: 'unknown',
    answers: { '/v2/': { body: {} }, [onePage]: { body: { tags: ['a'] } } },
  },
  {
    what: 'a registry that answers HTML to every path as unknown',
    engine: 'unknown',
    answers: {
      '/v2/': distribution,
      '/v2/_oci/ext/discover': { body: '<html>' },
      '/api/v2.0/systeminfo': { body: '<html>' },
      [onePage]: { body: '<html>' },
    },
  },
  {
    what: 'a registry that refuses the questions as unknown',
    engine: 'unknown',
    answers: {
      '/v2/': distribution,
      '/v2/_oci/ext/discover': { status: 403 },
      '/api/v2.0/systeminfo': { status: 403 },
      [onePage]: { status: 403 },
    },
  },
] as const)('recognises $what', async ({ engine, answers }) => {
  expect(await engineOf(answers)).toBe(engine);
});

test('cannot tell the versions of Distribution apart without a repository with two tags', async () => {
  expect(await engineOf({ '/v2/': distribution }, undefined)).toBe('unknown');
});

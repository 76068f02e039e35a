import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import type { RepositoryName, TagName } from '../../../src/domain/names.ts';
import type { CrawlResult, RepositoryResult, TagResult } from '../../../src/domain/snapshot/crawl-result.ts';
import type { Gap } from '../../../src/domain/snapshot/snapshot.ts';
import { toSnapshot } from '../../../src/domain/snapshot/to-snapshot.ts';
import { config, digest, layer } from '../../support/sample-graph.ts';
import { SAMPLE_COLLECTOR } from '../../support/sample-snapshot.ts';

const builder = new GraphBuilder();
const root = builder.addManifest(digest('image'), 500, { kind: 'image', config, layers: [layer('base', 100)] });

const tag = (name: string, lastPulledAt?: number): TagResult => ({ name: name as TagName, root, lastPulledAt });

function repository(name: string, fields: Partial<RepositoryResult> = {}): RepositoryResult {
  return { name: name as RepositoryName, tags: [tag('1')], gap: undefined, staleSince: undefined, ...fields };
}

function snapshotOf(...repositories: readonly RepositoryResult[]) {
  const crawlResult: CrawlResult = {
    graph: builder.build(),
    repositories,
    garbageCollector: SAMPLE_COLLECTOR,
    illegal: new Set(),
    startedAt: 0,
    finishedAt: 1,
  };
  return toSnapshot(crawlResult);
}

test('keeps the last figures of a repository that could not be read, with the time, as incomplete', () => {
  const gap: Gap = { repository: 'group/app', code: 'forbidden', reason: 'the user may not read the repository' };
  const stale = repository('group/app', { gap, staleSince: 1234 });
  const { repositories, namespaces, figures, gaps } = snapshotOf(repository('other'), stale);
  expect(repositories).toMatchObject([
    { name: 'group/app', sizeBytes: 100, isComplete: false, staleSince: 1234, tags: [{ sizeBytes: 100 }] },
    { name: 'other', sizeBytes: 100, isComplete: true, staleSince: null },
  ]);
  expect(namespaces).toMatchObject([{ path: 'group', isComplete: false }]);
  expect(figures.isComplete).toBe(false);
  expect(gaps).toEqual([{ ...gap, staleSince: 1234 }]);
});

test('returns when a tag was last pulled, and null if that is not known', () => {
  const tags = [tag('pulled', 5678), tag('never')];
  const [only] = snapshotOf(repository('app', { tags })).repositories;
  expect(only?.tags.map(({ name, lastPulledAt }) => [name, lastPulledAt])).toEqual([
    ['never', null],
    ['pulled', 5678],
  ]);
});

test('gives two tags of one manifest the subjects that their names contain', () => {
  const subjects = ['ab', 'cd'].map((byte) => byte.repeat(32));
  const tags = [tag('latest'), ...subjects.map((hex) => tag(`sha256-${hex}.sig`))];
  const [only] = snapshotOf(repository('app', { tags })).repositories;
  expect(only?.tags.map(({ manifest }) => manifest?.subject)).toEqual([
    undefined,
    ...subjects.map((hex) => `sha256:${hex}`),
  ]);
});

test('sorts a copy and leaves the crawl result unchanged', () => {
  const tags = Object.freeze([tag('2'), tag('1')]);
  const found = Object.freeze([repository('b', { tags }), repository('a')]);
  expect(snapshotOf(...found).repositories.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(tags.map(({ name }) => name)).toEqual(['2', '1']);
});

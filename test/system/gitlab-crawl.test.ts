import { afterAll, beforeAll, expect, test } from 'vitest';
import { config, layer } from '../../lab/images.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import { type GitlabLab, startGitlabLab } from '../support/gitlab-lab.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../support/take-snapshot.ts';

/* A crawl by a user who is not an administrator, of a registry with GitLab's metadata database. */

let lab: GitlabLab;

beforeAll(async () => {
  lab = await startGitlabLab(
    [{ username: 'member', isAdmin: false, mayPull: (name) => name.startsWith('shop/') }],
    [
      { id: 7, path: 'shop/app', repositories: ['shop/app', 'shop/app/cache'], members: ['member'] },
      { id: 30, path: 'tools/lint', repositories: ['tools/lint'], members: [] },
    ],
  );
  for (let tag = 0; tag < 150; tag++)
    await lab.pusher.image('shop/app', `t${tag}`, { config: config(`${tag}`), layers: [layer(`${tag % 7}`, 10)] });
});

afterAll(() => lab.remove());

test('needs one request per thousand tags and one per manifest if the registry lists digests', async () => {
  const snapshots = createSnapshotTaker(snapshotTakerOptions(lab.as('member'), 8));
  const take = () => takeWholeSnapshot(snapshots, new AbortController().signal);
  const first = await take();
  expect(first.repositories.map(({ name, tags }) => [name, tags.length])).toEqual([
    ['shop/app', 151],
    ['shop/app/cache', 1],
  ]);
  expect(first.gaps).toEqual([]);
  lab.gitlab.forgetCounts();
  expect((await take()).repositories).toEqual(first.repositories);
  // No request for a manifest or a single tag; `registry other` is the probe for the referrers API.
  expect(lab.gitlab.counts()).toEqual({
    ping: 1,
    catalog: 1,
    token: 2,
    'rest projects': 2,
    'rest project': 1,
    'gitlab probe': 1,
    'gitlab tags': 2,
    'registry other': 1,
  });
});

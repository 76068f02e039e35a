import { afterAll, beforeAll, expect, test } from 'vitest';
import { config, layer } from '../../lab/images.ts';
import { layOutRegistry, repositoryName } from '../../lab/layout.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import { connect } from '../support/registry-client.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../support/take-snapshot.ts';

/* Counts the requests of a second crawl in the log of a real registry. */

const SIZE = { repositories: 10, tagsPerRepository: 30, layersPerTag: 3 };
const TAGS = SIZE.repositories * SIZE.tagsPerRepository;

let registry: LabRegistry;

beforeAll(async () => {
  registry = await startRegistry();
  await layOutRegistry(registry.storageDirectory, SIZE);
});

afterAll(() => registry.remove());

/** Calls `act`. Returns its result, and the number of requests meanwhile by method, kind and status. */
async function counting<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly counts: object }> {
  const before = registry.output().length;
  const result = await act();
  const counts: Record<string, number> = {};
  const log = registry.output().slice(before);
  for (const [, method, path = '', status] of log.matchAll(/"(GET|HEAD) (\S+) HTTP[^"]*" (\d+)/g)) {
    const kind = /\/(manifests\/sha256|manifests|tags|blobs|referrers)\b/.exec(path)?.[1] ?? 'other';
    const name = `${method} ${kind} ${status}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return { result, counts };
}

test('sends one conditional request per unchanged tag, and reads each new digest once', async () => {
  const snapshots = createSnapshotTaker(snapshotTakerOptions(connect(registry.url), 8));
  const take = () => counting(() => takeWholeSnapshot(snapshots, new AbortController().signal));
  const [first, second] = [await take(), await take()];
  expect(first.counts).toMatchObject({ 'GET manifests 200': TAGS, 'GET blobs 200': TAGS });
  // The version check and the catalogue; and a manifest that does not exist, of which a pull-through cache would answer something else.
  const lists = {
    'GET other 200': 2,
    'GET tags 200': SIZE.repositories,
    'GET referrers 404': 1,
    'GET manifests/sha256 404': 1,
  };
  expect(second.counts).toEqual({ ...lists, 'HEAD manifests 304': TAGS });
  expect(second.result.repositories).toEqual(first.result.repositories);

  const pusher = createPusher(registry);
  const image = (name: string) => ({ config: config(name), layers: [layer(name, 10)] });
  await pusher.image(repositoryName(0), 'v0', image('changed'));
  await pusher.image(repositoryName(1), 'new', image('new'));
  await pusher.image(repositoryName(1), 'same-as-new', image('new'));
  const third = await take();
  // Two new tags and one that moved; two manifests and two configs.
  expect(third.counts).toEqual({
    ...lists,
    'HEAD manifests 304': TAGS - 1,
    'HEAD manifests 200': 3,
    'GET manifests/sha256 200': 2,
    'GET blobs 200': 2,
  });
  expect(third.result.figures.tagsCount).toBe(TAGS + 2);
});

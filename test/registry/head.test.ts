import { expect, onTestFinished, test } from 'vitest';
import { config, digestOf, layer, TYPES } from '../../lab/images.ts';
import { createSnapshotTaker } from '../../src/crawl/snapshots.ts';
import { connect } from '../support/registry-client.ts';
import { type Answer, startStandIn } from '../support/stand-in.ts';
import { snapshotTakerOptions, takeWholeSnapshot } from '../support/take-snapshot.ts';

/* Registries and proxies that answer HEAD differently from GET. */

const TAGS = ['1', '2', '3'];
const image = { config: config('image'), layer: layer('image', 1000) };
const bytes = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.ociManifest,
    config: image.config.descriptor,
    layers: [image.layer.descriptor],
  }),
);
const manifest: Answer = {
  body: bytes,
  headers: { 'content-type': TYPES.ociManifest, 'docker-content-digest': digestOf(bytes) },
};

/** Crawls a registry twice whose manifests answer HEAD with that status. Returns both snapshots, and the requests for manifests of the second crawl. */
async function crawlTwice(head: Answer, knowsConditions: boolean) {
  const registry = await startStandIn(({ method, headers }, { pathname }) => {
    if (pathname === '/v2/') return { body: {} };
    if (pathname === '/v2/_catalog') return { body: { repositories: ['app'] } };
    if (pathname === '/v2/app/tags/list') return { body: { name: 'app', tags: TAGS } };
    if (!pathname.includes('/manifests/')) return { status: 404 };
    if (method === 'HEAD') return head;
    return knowsConditions && headers['if-none-match'] !== undefined ? { status: 304 } : manifest;
  });
  onTestFinished(registry.stop);
  const snapshots = createSnapshotTaker(snapshotTakerOptions(connect(registry.url), 1));
  const take = () => takeWholeSnapshot(snapshots, new AbortController().signal);
  const first = await take();
  const before = registry.requests.length;
  const second = await take();
  const asked = registry.requests.slice(before).filter(({ url }) => /\/manifests\/\d$/.test(url));
  return { first, second, methods: asked.map(({ method }) => method) };
}

test.each([{ status: 404 }, { status: 401 }, { status: 403 }, { status: 405 }])(
  'a HEAD with $status that GET contradicts changes nothing in the second crawl, and is sent only once',
  async (head) => {
    for (const knowsConditions of [true, false]) {
      const { first, second, methods } = await crawlTwice(head, knowsConditions);
      expect(first.repositories[0]?.tags.map(({ status, sizeBytes }) => [status, sizeBytes])).toEqual(
        TAGS.map(() => ['ok', image.layer.bytes.length]),
      );
      expect(second.repositories).toEqual(first.repositories);
      expect(second.gaps).toEqual([]);
      expect(methods).toEqual(['HEAD', 'GET', 'GET', 'GET']);
    }
  },
);

test('a tag that neither HEAD nor GET finds is gone', async () => {
  const registry = await startStandIn((_, { pathname }) => (pathname === '/v2/' ? { body: {} } : { status: 404 }));
  onTestFinished(registry.stop);
  const client = connect(registry.url);
  expect(await client.resolve('app' as never, '1' as never, undefined, new AbortController().signal)).toBeUndefined();
});

import { describe, expect, test } from 'vitest';
import { schema1Manifest } from '../../../lab/schema1.ts';
import { readManifest } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest } from '../../../src/domain/names.ts';
import type { ManifestCache, StoredManifest } from '../../../src/ports.ts';
import { digest } from '../../support/sample-graph.ts';
import { digestOf, image, stored } from '../../support/sample-registry-content.ts';
import { SESSIONS, type Session } from './engines.ts';

/** Opens a new store and returns a function that gives its manifest cache for one call. */
async function start(session: Session): Promise<() => Promise<ManifestCache>> {
  const store = await session.start();
  return async () => (await store()).manifestCache;
}

describe.each(SESSIONS)('the manifest cache of $name', (session) => {
  test('returns manifests as they were saved, and none that were not', async () => {
    const cache = await start(session);
    const child = { mediaType: MANIFEST_TYPES.ociManifest, digest: digest('child'), size: 3 };
    const saved = [image('one'), stored({ manifests: [child] }, ''), signedSchema1(), withSha512('two')];
    for (const manifest of saved) await (await cache()).saveManifest(manifest);
    const digests = [digest('other'), ...saved.map((manifest) => manifest.digest)];
    expect(await (await cache()).heldManifests(digests)).toEqual(new Set(digests.slice(1)));
    expect(comparable(await (await cache()).manifests(digests))).toEqual(
      comparable(new Map(saved.map((manifest) => [manifest.digest, manifest]))),
    );
  });

  test('returns configs as they were saved', async () => {
    const cache = await start(session);
    await (await cache()).saveImageConfig(digest('a'), { createdAt: 5, platform: 'linux/amd64' });
    await (await cache()).saveImageConfig(digest('b'), { createdAt: undefined, platform: undefined });
    await (await cache()).saveImageConfig(digest('c'), { createdAt: undefined, platform: 'a\u0000/b\ud800' });
    expect(await (await cache()).imageConfigs(['a', 'b', 'c', 'd'].map(digest))).toEqual(
      new Map([
        [digest('a'), { createdAt: 5, platform: 'linux/amd64' }],
        [digest('b'), { createdAt: undefined, platform: undefined }],
        [digest('c'), { createdAt: undefined, platform: 'a\u0000/b\ud800' }],
      ]),
    );
  });

  test('returns the sizes of blobs, and null for a blob that is not stored', async () => {
    const cache = await start(session);
    const sizes = new Map<Digest, number | null>([
      [digest('a'), 0],
      [digest('b'), null],
      [digest('c'), 2 ** 60],
      [digest('d'), 1e25],
    ]);
    for (const [blob, bytes] of sizes) await (await cache()).saveBlobBytes(blob, bytes);
    expect(await (await cache()).blobBytes([...sizes.keys(), digest('e')])).toEqual(sizes);
    await (await cache()).saveBlobBytes(digest('b'), 4);
    expect((await (await cache()).blobBytes([digest('b')])).get(digest('b'))).toBe(4);
  });

  test('does not return a manifest that was forgotten', async () => {
    const cache = await start(session);
    const [one, other] = [image('1'), image('2')];
    for (const manifest of [one, other]) await (await cache()).saveManifest(manifest);
    await (await cache()).forgetManifest(one.digest);
    expect(await (await cache()).heldManifests([one.digest, other.digest])).toEqual(new Set([other.digest]));
    expect([...(await (await cache()).manifests([one.digest, other.digest])).keys()]).toEqual([other.digest]);
  });

  test('keeps more entries than one transaction writes', async () => {
    const cache = await start(session);
    const open = await cache();
    const manifests = Array.from({ length: 1200 }, (_, i) => image(String(i)));
    for (const manifest of manifests) await open.saveManifest(manifest);
    const digests = manifests.map((manifest) => manifest.digest);
    expect((await open.manifests(digests)).size).toBe(1200);
    expect((await (await cache()).heldManifests(digests)).size).toBe(1200);
  });
});

function signedSchema1(): StoredManifest {
  const { body } = schema1Manifest('a', '1', [digest('layer')]);
  const manifest = readManifest(MANIFEST_TYPES.dockerSchema1Signed, JSON.parse(body));
  if (manifest.kind === 'unsupported') throw new Error(manifest.reason);
  const served = { contentType: MANIFEST_TYPES.dockerSchema1Signed, body: Buffer.from(body) };
  return { digest: digestOf('the payload'), sizeBytes: 11, manifest, served };
}

function withSha512(text: string): StoredManifest {
  return { ...image(text), digest: `sha512:${'0'.repeat(128)}` as Digest };
}

/** Engines may return bodies in different classes: compares them as text. */
function comparable(manifests: ReadonlyMap<Digest, StoredManifest>): unknown {
  return [...manifests.values()]
    .map(({ served, ...rest }) => ({ ...rest, type: served.contentType, body: Buffer.from(served.body).toString() }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

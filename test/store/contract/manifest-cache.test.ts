import { describe, expect, test } from 'vitest';
import { schema1Manifest } from '../../../lab/schema1.ts';
import { readManifest } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest } from '../../../src/domain/names.ts';
import type { BlobCheck, ManifestCache, StoredManifest } from '../../../src/ports.ts';
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

  test('returns the last check of each blob: when it was, and what it found', async () => {
    const cache = await start(session);
    const checks = new Map<Digest, BlobCheck>([
      [digest('a'), { at: 1, bytes: 0, isOtherSize: false }],
      [digest('b'), { at: 2 ** 52, bytes: null, isOtherSize: false }],
      [digest('c'), { at: 3, bytes: 2 ** 60, isOtherSize: true }],
      [digest('d'), { at: 4, bytes: 1e25, isOtherSize: false }],
      [digest('e'), { at: 5, bytes: undefined, isOtherSize: false }],
    ]);
    for (const [blob, check] of checks) await (await cache()).saveBlobCheck(blob, check);
    expect(await (await cache()).blobChecks([...checks.keys(), digest('f')])).toEqual(checks);
    const later = { at: 6, bytes: 4, isOtherSize: false };
    await (await cache()).saveBlobCheck(digest('b'), later);
    expect(await (await cache()).blobChecks([digest('b')])).toEqual(new Map([[digest('b'), later]]));
  });

  test('lists the blobs that were not stored, or with another size, when they were last checked', async () => {
    const cache = await start(session);
    const save = async (name: string, bytes: number | null | undefined, isOtherSize = false): Promise<void> =>
      (await cache()).saveBlobCheck(digest(name), { at: 1, bytes, isOtherSize });
    await save('lost', null);
    await save('other size', 7, true);
    await save('stored', 7);
    await save('no answer', undefined);
    await save('lost and found', null);
    await save('lost and found', 7);
    const faulty = [digest('lost'), digest('other size')];
    expect([...(await (await cache()).faultyBlobs())].sort()).toEqual(faulty.sort());
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
  if (manifest.kind === 'unsupported' || manifest.kind === 'contradictory') throw new Error(manifest.reason);
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

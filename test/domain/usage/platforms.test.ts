import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/domain/graph/graph-builder.ts';
import type { ImageConfig } from '../../../src/domain/manifest/image-config.ts';
import type { Descriptor } from '../../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../../src/domain/manifest/media-types.ts';
import type { Digest } from '../../../src/domain/names.ts';
import { summarizeImages } from '../../../src/domain/usage/platforms.ts';

const digest = (text: string): Digest => `sha256:${Buffer.from(text).toString('hex').padStart(64, '0')}` as Digest;
const NOON = Date.UTC(2024, 0, 1, 12);

/** A graph to which a test adds images, with the configs that it needs, and indexes. */
function openGraph() {
  const builder = new GraphBuilder();
  const child = (name: string, fields: Partial<Descriptor> = {}): Descriptor => ({
    mediaType: MANIFEST_TYPES.ociManifest,
    digest: digest(name),
    sizeBytes: 500,
    ...fields,
  });
  return {
    child,
    image(name: string, config?: Partial<ImageConfig>, subject?: Digest): number {
      const mediaType = 'application/vnd.oci.image.config.v1+json';
      const descriptor = { mediaType, digest: digest(`config ${name}`), sizeBytes: 7 };
      if (config !== undefined)
        builder.addImageConfig(descriptor.digest, { createdAt: undefined, platform: undefined, ...config });
      const reference = subject === undefined ? {} : { subject };
      return builder.addManifest(digest(name), 500, { kind: 'image', config: descriptor, layers: [], ...reference });
    },
    index: (name: string, ...manifests: Descriptor[]): number =>
      builder.addManifest(digest(name), 500, { kind: 'index', manifests }),
    refer(subject: string, referrer: string): void {
      builder.addReferrer(digest(subject), child(referrer));
    },
    summary: (root: number) => summarizeImages(builder.build(), root),
  };
}

test('takes platform and creation time of an image from its config', () => {
  const { image, summary } = openGraph();
  expect(summary(image('app', { platform: 'linux/amd64', createdAt: NOON }))).toEqual({
    platforms: ['linux/amd64'],
    createdAt: NOON,
  });
  expect(summary(image('unread'))).toEqual({ platforms: null, createdAt: null });
});

test('takes the platforms of an index from its descriptors, and the creation time of the youngest image', () => {
  const { image, index, child, summary } = openGraph();
  image('a', { platform: 'linux/amd64', createdAt: NOON });
  image('b', { platform: 'linux/amd64', createdAt: NOON + 1 });
  image('c', { platform: 'linux/amd64' });
  const named = index('index', child('b', { platform: 'linux/arm64' }), child('a', { platform: 'linux/arm/v7' }));
  expect(summary(named)).toEqual({ platforms: ['linux/arm/v7', 'linux/arm64'], createdAt: NOON + 1 });
  const silent = index('silent', child('a'), child('c'));
  expect(summary(silent)).toEqual({ platforms: ['linux/amd64'], createdAt: NOON });
});

test('lists every platform that an index names for one image', () => {
  const { image, index, child, summary } = openGraph();
  image('portable', { platform: 'linux/amd64' });
  const platforms = ['linux/s390x', 'linux/arm64'];
  const root = index('index', ...platforms.map((platform) => child('portable', { platform })));
  expect(summary(root).platforms).toEqual(['linux/arm64', 'linux/s390x']);
});

test('lists platforms whose images are not stored, and those of nested indexes', () => {
  const { image, index, child, summary } = openGraph();
  image('a', { createdAt: NOON });
  index('inner', child('a', { platform: 'linux/amd64' }), child('gone', { platform: 'linux/arm64' }));
  const root = index('outer', child('inner', { mediaType: MANIFEST_TYPES.ociIndex }), child('inner'));
  expect(summary(root)).toEqual({ platforms: ['linux/amd64', 'linux/arm64'], createdAt: NOON });
});

test('ignores attestations and referrers', () => {
  const { image, index, child, refer, summary } = openGraph();
  image('a', { platform: 'linux/amd64', createdAt: NOON });
  image('attestation', { platform: 'linux/s390x', createdAt: NOON + 1 });
  image('signature', { platform: 'linux/s390x', createdAt: NOON + 2 }, digest('a'));
  refer('a', 'signature');
  const root = index('index', child('a'), child('attestation', { platform: 'linux/s390x', isAttestation: true }));
  expect(summary(root)).toEqual({ platforms: ['linux/amd64'], createdAt: NOON });
});

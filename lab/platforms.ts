import { blob, config, type LabDescriptor, layer, TYPES } from './images.ts';
import type { Pusher } from './push.ts';

const KIB = 1024;
const base = layer('base-b', 300 * KIB);
const dockerBase = layer('base-b', 300 * KIB, TYPES.dockerLayer);

/**
 * Pushes indexes of every kind: Docker manifest lists, OCI indexes, nested and empty ones, with an attestation, with a missing child, with one child
 * for two platforms, and BuildKit caches.
 */
export async function pushPlatforms(pusher: Pusher): Promise<void> {
  await pushDockerList(pusher);
  await pushWithAttestation(pusher);
  await pushNested(pusher);
  await pushSparse(pusher);
  await pushSameTwice(pusher);
  await pushAges(pusher);
  await pushBuildCaches(pusher);
}

async function pushDockerList(pusher: Pusher): Promise<void> {
  const image = (architecture: string) => ({
    format: 'docker' as const,
    config: config(`docker ${architecture}`, TYPES.dockerConfig),
    layers: [dockerBase, layer(`group/multiarch ${architecture}`, 10 * KIB)],
  });
  const list: LabDescriptor[] = [];
  for (const name of ['amd64', 'arm64'])
    list.push({ ...(await pusher.image('group/multiarch', undefined, image(name))), ...platform(name) });
  await pushIndex(pusher, 'group/multiarch', 'latest', list, TYPES.dockerList);
  await pusher.image('group/multiarch', 'amd64-only', image('amd64'));
}

async function pushWithAttestation(pusher: Pusher): Promise<void> {
  const platforms = await pushTwoPlatforms(pusher, 'group/oci-index');
  const attestation = await pusher.image('group/oci-index', undefined, {
    config: config('attestation'),
    layers: [blob('application/vnd.in-toto+json', Buffer.from('{"_type":"https://in-toto.io/Statement/v0.1"}'))],
  });
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
  const unknown = { platform: { architecture: 'unknown', os: 'unknown' } };
  await pushIndex(pusher, 'group/oci-index', 'latest', [...platforms, { ...attestation, ...unknown, annotations }]);
}

async function pushNested(pusher: Pusher): Promise<void> {
  const platforms = await pushTwoPlatforms(pusher, 'group/nested-index');
  const inner = await pushIndex(pusher, 'group/nested-index', 'inner', platforms);
  await pushIndex(pusher, 'group/nested-index', 'outer', [inner]);
  await pushIndex(pusher, 'group/nested-index', 'empty', []);
}

async function pushSparse(pusher: Pusher): Promise<void> {
  const [amd64, arm64] = await pushTwoPlatforms(pusher, 'group/sparse-index');
  await pushIndex(pusher, 'group/sparse-index', 'latest', [amd64, arm64]);
  await pusher.deleteManifest('group/sparse-index', arm64.digest);
}

/** Pushes an index that lists one portable image for two platforms. */
async function pushSameTwice(pusher: Pusher): Promise<void> {
  const portable = { config: config('portable'), layers: [layer('portable', 11 * KIB)] };
  const child = await pusher.image('group/same-twice', undefined, portable);
  const manifests = ['arm64', 'amd64'].map((name) => ({ ...child, ...platform(name) }));
  await pushIndex(pusher, 'group/same-twice', 'latest', manifests);
}

/** Pushes images with several creation times, and one with 1970, which reproducible builds write for "unknown". */
async function pushAges(pusher: Pusher): Promise<void> {
  const ages = ['2021-02-03T04:05:06Z', '2023-04-05T06:07:08.123456789+02:00', '1970-01-01T00:00:00Z'];
  const children: LabDescriptor[] = [];
  for (const [i, created] of ages.entries()) {
    const image = { config: config(`age ${i}`, TYPES.ociConfig, { created }), layers: [layer(`age ${i}`, 2 * KIB)] };
    children.push(await pusher.image('group/ages', `age-${i}`, image));
  }
  await pushIndex(pusher, 'group/ages', 'latest', children);
}

/** Pushes the two forms of a BuildKit cache: an index that lists layers, and an image manifest with a cache config. */
async function pushBuildCaches(pusher: Pusher): Promise<void> {
  const cached = layer('build cache', 60 * KIB);
  const cacheConfig = blob(TYPES.buildkitCache, Buffer.from('{"layers":[]}'));
  const blobs = [await pusher.blob('group/build-cache', cached), await pusher.blob('group/build-cache', cacheConfig)];
  await pushIndex(pusher, 'group/build-cache', 'cache', blobs);
  const image = { config: cacheConfig, layers: [layer('image cache', 12 * KIB)] };
  await pusher.image('group/build-cache', 'image-cache', image);
}

async function pushTwoPlatforms(
  pusher: Pusher,
  repository: string,
): Promise<readonly [amd64: LabDescriptor, arm64: LabDescriptor]> {
  const child = async (name: string): Promise<LabDescriptor> => {
    const image = { config: config(`oci ${name}`), layers: [base, layer(`${repository} ${name}`, 10 * KIB)] };
    return { ...(await pusher.image(repository, undefined, image)), ...platform(name) };
  };
  return [await child('amd64'), await child('arm64')];
}

const platform = (architecture: string) => ({ platform: { architecture, os: 'linux' } });

function pushIndex(
  pusher: Pusher,
  repository: string,
  tag: string,
  manifests: readonly LabDescriptor[],
  mediaType: string = TYPES.ociIndex,
): Promise<LabDescriptor> {
  return pusher.manifest(repository, tag, mediaType, { schemaVersion: 2, mediaType, manifests });
}

import { config, layer, TYPES } from './images.ts';
import type { Pusher } from './push.ts';

const KIB = 1024;

/** Pushes descriptors with a missing or wrong size (Distribution 2.8 accepts them), and layers that are stored elsewhere. */
export async function pushOddSizes(pusher: Pusher): Promise<void> {
  await pushWithout(pusher);
  await pushWrong(pusher);
  const elsewhere = {
    ...layer('docker foreign', 40 * KIB).descriptor,
    mediaType: TYPES.dockerForeignLayer,
    urls: ['https://elsewhere.example/docker'],
  };
  await pusher.image('group/docker-foreign', 'latest', {
    format: 'docker',
    config: config('docker foreign', TYPES.dockerConfig),
    foreign: [elsewhere],
    layers: [layer('beside docker foreign', 4 * KIB, TYPES.dockerLayer)],
  });
}

/** Pushes a layer and a config without a size, and a layer with a negative size. */
async function pushWithout(pusher: Pusher): Promise<void> {
  const repository = 'group/no-size';
  const { size: _, ...layerDescriptor } = await pusher.blob(repository, layer('no size', 16 * KIB));
  const { size: __, ...configDescriptor } = await pusher.blob(repository, config('no size'));
  const negative = { ...(await pusher.blob(repository, layer('negative size', 15 * KIB))), size: -1 };
  const mediaType = TYPES.ociManifest;
  const manifest = { schemaVersion: 2, mediaType, config: configDescriptor };
  await pusher.manifest(repository, 'latest', mediaType, { ...manifest, layers: [layerDescriptor] });
  await pusher.manifest(repository, 'negative', mediaType, { ...manifest, layers: [negative] });
}

/**
 * Pushes wrong sizes of a layer and of a manifest. Another image states the true size of the layer, and the service reads the manifest.
 * Without such a contradiction, the service would believe a wrong size.
 */
async function pushWrong(pusher: Pusher): Promise<void> {
  const repository = 'group/wrong-size';
  const named = layer('wrong size', 13 * KIB);
  const right = await pusher.image(repository, 'right', { config: config('right size'), layers: [named] });
  const mediaType = TYPES.ociManifest;
  await pusher.manifest(repository, 'wrong', mediaType, {
    schemaVersion: 2,
    mediaType,
    config: await pusher.blob(repository, config('wrong size')),
    layers: [{ ...named.descriptor, size: 77 }],
  });
  const manifests = [{ ...right, size: 3 }];
  await pusher.manifest(repository, 'index', TYPES.ociIndex, {
    schemaVersion: 2,
    mediaType: TYPES.ociIndex,
    manifests,
  });
}

import { pushAccessories } from './accessories.ts';
import { blob, config, layer, TYPES } from './images.ts';
import { pushOddSizes } from './odd-sizes.ts';
import { pushPlatforms } from './platforms.ts';
import type { Pusher } from './push.ts';
import { schema1Manifest } from './schema1.ts';

const KIB = 1024;
const baseA = layer('base-a', 1200 * KIB);
const baseB = layer('base-b', 300 * KIB);
const runtime = layer('runtime', 700 * KIB);
const own = (name: string, sizeKib = 20) => layer(name, sizeKib * KIB);
const docker = (name: string, sizeKib: number) => layer(name, sizeKib * KIB, TYPES.dockerLayer);

/** Pushes small examples of everything that a registry can hold: ordinary images, and all cases that size tools often get wrong. */
export async function pushSampleContent(pusher: Pusher): Promise<void> {
  await pushApplications(pusher);
  await pushPlatforms(pusher);
  await pushOddNames(pusher);
  await pushOddManifests(pusher);
  await pushOddSizes(pusher);
  await pushArtifacts(pusher);
  await pushAccessories(pusher);
  await pushUnusedData(pusher);
}

async function pushApplications(pusher: Pusher): Promise<void> {
  const app = (tag: string, version: string) =>
    pusher.image('group/app', tag, {
      format: 'docker',
      config: config(`app ${version}`, TYPES.dockerConfig),
      layers: [docker('base-a', 1200), docker('runtime', 700), docker(`app ${version}`, 40)],
    });
  await app('1.0', '1.0');
  await app('1.1', '1.1');
  await app('latest', '1.1');
  const image = 'group/sub/project/image';
  await pusher.image(image, 'v1', { config: config('v1'), layers: [baseA, runtime, own('image v1')] });
  const second = { config: config('v2'), layers: [baseA, runtime, own('image v1'), own('image v2')] };
  await pusher.image(image, 'v2', second);
  await pusher.image(image, 'v2-again', second);
  await pusher.image(`${image}/nested`, 'latest', { config: config('nested'), layers: [baseA] });
  await pusher.image('single', 'latest', { config: config('single'), layers: [baseA, own('single', 8)] });
}

async function pushOddNames(pusher: Pusher): Promise<void> {
  const tags = ['_under', 'A.b-C_d', '0', 'tags', 'x'.repeat(128), `sha256-${'ab'.repeat(32)}.sig`];
  for (const [i, tag] of tags.entries()) {
    await pusher.image('group/odd', tag, { config: config(tag), layers: [baseB, own(`odd ${tag}`, 2 + i)] });
  }
  const repositories = [
    'group/project',
    'group/project/tags',
    'group/app/tags/1.0',
    'tags',
    'a/tags/list',
    'x/tags',
    'x/tags/1.0',
    'x',
  ];
  for (const [i, repository] of repositories.entries()) {
    await pusher.image(repository, 'latest', { config: config(repository), layers: [own(repository, 5 + i)] });
  }
  await pusher.image('x', '1.0', { config: config('x 1.0'), layers: [own('x 1.0', 3)] });
}

async function pushOddManifests(pusher: Pusher): Promise<void> {
  const twice = own('twice', 14);
  await pusher.image('group/dup-layer', 'latest', { config: config('twice'), layers: [twice, twice] });
  await pusher.image('group/zero', 'latest', { config: config('zero'), layers: [] });
  await pusher.image('group/zero-length', 'latest', {
    config: config('empty'),
    layers: [blob(TYPES.ociLayer, Buffer.alloc(0))],
  });
  const foreignBlob = own('foreign', 50);
  const foreign = {
    ...foreignBlob.descriptor,
    mediaType: TYPES.ociForeignLayer,
    urls: ['https://elsewhere.example/layer'],
  };
  await pusher.image('group/foreign', 'latest', {
    config: config('foreign'),
    foreign: [foreign],
    layers: [own('beside foreign', 6)],
  });
  const stored = own('foreign and stored', 30);
  await pusher.blob('group/foreign-stored', stored);
  const storedForeign = {
    ...stored.descriptor,
    mediaType: TYPES.ociForeignLayer,
    urls: ['https://elsewhere.example/stored'],
  };
  await pusher.image('group/foreign-stored', 'latest', {
    config: config('stored'),
    foreign: [storedForeign],
    layers: [],
  });
  const both = own('layer and config', 4);
  await pusher.image('group/config-as-layer', 'as-layer', { config: config('as layer'), layers: [both] });
  const asConfig = { bytes: both.bytes, descriptor: { ...both.descriptor, mediaType: TYPES.ociConfig } };
  await pusher.image('group/config-as-layer', 'as-config', { config: asConfig, layers: [own('beside config', 3)] });
  const schema1Layers = [baseB, own('schema 1', 9), baseB];
  for (const one of schema1Layers) await pusher.blob('group/schema1', one);
  const sums = schema1Layers.map(({ descriptor }) => descriptor.digest);
  await pusher.manifest(
    'group/schema1',
    'old',
    TYPES.dockerSchema1,
    schema1Manifest('group/schema1', 'old', sums).body,
  );
}

async function pushArtifacts(pusher: Pusher): Promise<void> {
  const chartConfig = blob(TYPES.helmConfig, Buffer.from('{"name":"chart","version":"0.1.0"}'));
  const chart = layer('chart', 3 * KIB, TYPES.helmLayer);
  for (const one of [chartConfig, chart]) await pusher.blob('charts/helm-chart', one);
  // Helm omits the field `mediaType`.
  const manifest = { schemaVersion: 2, config: chartConfig.descriptor, layers: [chart.descriptor] };
  for (const tag of ['0.1.0', '0.1.0_build.5'])
    await pusher.manifest('charts/helm-chart', tag, TYPES.ociManifest, manifest);
  const empty = blob(TYPES.ociEmpty, Buffer.from('{}'));
  await pusher.image('group/empty-descriptor', 'latest', { config: empty, layers: [empty] });
}

/** Pushes and deletes images, and moves a tag, so that unused data remains. */
async function pushUnusedData(pusher: Pusher): Promise<void> {
  const gone = await pusher.image('group/empty', 'gone', { config: config('gone'), layers: [own('gone')] });
  await pusher.deleteManifest('group/empty', gone.digest);
  await pusher.image('group/moved', 'latest', { config: config('moved 1'), layers: [own('moved 1')] });
  await pusher.image('group/moved', 'latest', { config: config('moved 2'), layers: [own('moved 2')] });
}

import { blob, config, type LabDescriptor, layer, TYPES } from './images.ts';
import type { Pusher } from './push.ts';
import { schema1Manifest } from './schema1.ts';

const KIB = 1024;
const named = (name: string, sizeKib: number) => layer(name, sizeKib * KIB);
const base = named('base', 60);
const runtime = named('runtime', 30);
const tool = named('tool', 12);

/**
 * Pushes a few hundred KiB of content that is mostly shared: between tags, repositories and namespaces. The numbers are KiB of layers that do not
 * compress.
 *
 * Each child of an index has a tag of its own on purpose: `garbage-collect -m` of Distribution 2.8 deletes the untagged children of tagged
 * indexes, and would free more than the test has deleted.
 */
export async function pushDeletionContent(pusher: Pusher): Promise<void> {
  await pusher.image('base', '1', { config: config('base'), layers: [base] });
  await pushTeam(pusher);
  await pushPlatforms(pusher);
  await pushArtifacts(pusher);
  await pushGarbage(pusher);
}

async function pushTeam(pusher: Pusher): Promise<void> {
  // `team` is both a repository and a namespace.
  await pusher.image('team', 'latest', { config: config('team'), layers: [runtime, named('team', 5)] });
  await pusher.image('team/app', '1.0', { config: config('app 1.0'), layers: [base, runtime, named('app 1.0', 8)] });
  const app = { config: config('app 1.1'), layers: [base, runtime, named('app 1.1', 9)] };
  await pusher.image('team/app', '1.1', app);
  const { digest } = await pusher.image('team/app', 'latest', app);
  const signature = blob('application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from('{"critical":{}}'));
  const signed = { config: config('signature'), layers: [signature] };
  await pusher.image('team/app', `${digest.replace(':', '-')}.sig`, signed);

  await pusher.image('team/sub/tool', '1', { config: config('tool'), layers: [base, tool] });
  await pusher.image('elsewhere/tool', '1', {
    config: config('tool elsewhere'),
    layers: [tool, named('tool elsewhere', 3)],
  });
  const mirrored = { config: config('mirrored'), layers: [named('mirrored', 11)] };
  await pusher.image('team/mirrored', '1', mirrored);
  await pusher.image('mirror/mirrored', '1', mirrored);

  const old = [base, named('schema 1', 10), base];
  for (const one of old) await pusher.blob('team/old', one);
  const sums = old.map(({ descriptor }) => descriptor.digest);
  await pusher.manifest('team/old', '1', TYPES.dockerSchema1, schema1Manifest('team/old', '1', sums).body);
}

async function pushPlatforms(pusher: Pusher): Promise<void> {
  const both = named('both platforms', 20);
  const manifests: LabDescriptor[] = [];
  for (const [architecture, sizeKib] of [['amd64', 6] as const, ['arm64', 7] as const]) {
    const image = { config: config(architecture), layers: [both, named(architecture, sizeKib)] };
    const child = await pusher.image('team/platforms', `1-${architecture}`, image);
    manifests.push({ ...child, platform: { architecture, os: 'linux' } });
  }
  const mediaType = TYPES.ociIndex;
  const index = (repository: string, tag: string, children: readonly LabDescriptor[]) =>
    pusher.manifest(repository, tag, mediaType, { schemaVersion: 2, mediaType, manifests: children });
  await index('team/platforms', '1', manifests);

  const nested = { config: config('nested'), layers: [named('nested', 14)] };
  const inner = await index('team/nested', 'inner', [await pusher.image('team/nested', 'image', nested)]);
  await index('team/nested', 'outer', [inner]);

  const cache = await pusher.blob('team/cache', named('cache', 13));
  const cacheConfig = await pusher.blob('team/cache', blob(TYPES.buildkitCache, Buffer.from('{"layers":[]}')));
  await index('team/cache', 'cache', [cache, cacheConfig]);
}

async function pushArtifacts(pusher: Pusher): Promise<void> {
  const chartConfig = blob(TYPES.helmConfig, Buffer.from('{"name":"chart"}'));
  for (const [version, sizeKib] of [['0.1.0', 3] as const, ['0.2.0', 4] as const]) {
    const chart = layer(`chart ${version}`, sizeKib * KIB, TYPES.helmLayer);
    await pusher.image('charts/chart', version, { config: chartConfig, layers: [chart] });
  }
  const elsewhere = {
    ...named('foreign', 50).descriptor,
    mediaType: TYPES.ociForeignLayer,
    urls: ['https://e.example'],
  };
  const windows = { config: config('windows'), layers: [named('windows', 2)], foreign: [elsewhere] };
  await pusher.image('team/windows', '1', windows);
}

/** Pushes data that is garbage before the test deletes anything: a manifest that its tag has left, an untagged manifest, an unreferenced blob. */
async function pushGarbage(pusher: Pusher): Promise<void> {
  const version = (name: string) => ({ config: config(name), layers: [named(name, 17)] });
  await pusher.image('team/moved', 'latest', version('moved 1'));
  await pusher.image('team/moved', 'latest', version('moved 2'));
  await pusher.image('team/moved', undefined, version('untagged'));
  await pusher.blob('team/moved', named('orphan', 19));
}

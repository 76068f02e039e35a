import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, freePort, startListening } from '../../lab/child.ts';
import { type Container, startContainer } from '../../lab/container.ts';
import type { ImageConfig } from '../../lab/container-store.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { type ComposeFile, type ComposeService, readComposeFile } from './compose-file.ts';

export interface BuiltImage {
  readonly root: string;
  readonly image: ImageConfig;
}

export interface Trial {
  readonly url: string;
  readonly usage: Container;
  stop(): Promise<void>;
}

/**
 * Starts the service of compose.try.yaml and the services that it depends on, as containers on the network of this machine. `images` is by the names of the
 * Dockerfiles. The registry is Debian's, with the variables of the file, because its image is not available.
 */
export async function startTrial(images: Readonly<Record<string, BuiltImage>>): Promise<Trial> {
  const folder = await inNewDirectory('try', async (made) => made);
  const running: Pick<Child, 'stop'>[] = [];
  const stop = async (): Promise<void> => {
    for (const each of running.reverse()) await each.stop();
    await removeDirectory(folder);
  };
  try {
    const { services } = await readComposeFile('compose.try.yaml');
    const places = await placesFor(services, folder);
    const containers = new Map<string, Container | undefined>();
    const up = async (name: string): Promise<void> => {
      const service = services[name] ?? {};
      for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
        if (!containers.has(needed)) await up(needed);
        await waitForCondition(
          condition,
          containers.get(needed),
          places.texts(services[needed]?.healthcheck?.test ?? []),
        );
      }
      const { child, container } = await start(name, service, images, places);
      running.push(child);
      containers.set(name, container);
    };
    await up('usage');
    const usage = containers.get('usage');
    if (usage === undefined) throw new Error('compose.try.yaml does not build the service');
    return { url: `http://${places.address('usage')}`, usage, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The ports and directories of the containers on this machine. */
interface Places {
  /** The directory of the volumes. */
  readonly folder: string;
  texts(texts: readonly string[]): string[];
  variables(service: ComposeService): Record<string, string>;
  /** Returns the address of the service with that name, as HOST:PORT. */
  address(name: string): string;
}

const PORTS = { directory: 8389, tokens: 8080, registry: 5000, usage: 5000 };

async function placesFor(services: ComposeFile['services'], folder: string): Promise<Places> {
  const replacements: [RegExp, string][] = [];
  const addresses = new Map<string, string>();
  for (const [name, port] of Object.entries(PORTS)) {
    if (services[name] === undefined) throw new Error(`compose.try.yaml has no service ${name}`);
    const free = await freePort();
    addresses.set(name, `127.0.0.1:${free}`);
    replacements.push([new RegExp(`${name}:${port}\\b|0\\.0\\.0\\.0:${port}\\b`, 'g'), `127.0.0.1:${free}`]);
    replacements.push([new RegExp(`connect\\(${port},`, 'g'), `connect(${free},`]);
  }
  const replaced = (text: string): string => replacements.reduce((now, [found, to]) => now.replace(found, to), text);
  return {
    folder,
    texts: (texts) => texts.map(replaced),
    variables: ({ environment = {} }) =>
      Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, replaced(text)])),
    address: (name) => addresses.get(name) ?? '',
  };
}

interface Started {
  readonly child: Pick<Child, 'stop'>;
  /** Undefined for the registry, which is not started from an image. */
  readonly container?: Container;
}

async function start(
  name: string,
  service: ComposeService,
  images: Readonly<Record<string, BuiltImage>>,
  places: Places,
): Promise<Started> {
  const { build } = service;
  const mounts = await volumesOf(service, places.folder);
  if (build === undefined) return { child: await startRegistry(places.variables(service), mounts, places) };
  const built = images[typeof build === 'string' ? 'Dockerfile' : build.dockerfile];
  if (built === undefined) throw new Error(`no image was built for ${name}`);
  const writable = { ...(await ownVolumesOf(name, service, built, places.folder)), ...mounts.writable };
  const env = { ...places.variables(service), ...(name === 'usage' && addressOfUsage(places)) };
  const parameters = places.texts(service.command ?? []);
  const container = await startContainer({ ...built, parameters, env, readOnly: mounts.readOnly, writable });
  return { container, child: { stop: async () => void (await container.stop()) } };
}

/** Listens only on 127.0.0.1, because the containers share the network of this machine, and on a free port. */
function addressOfUsage(places: Places): Record<string, string> {
  const [host = '', port = ''] = places.address('usage').split(':');
  return {
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST: host,
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT: port,
  };
}

/** Directories of this machine, by their path in the container. */
interface Mounts {
  readonly readOnly: Readonly<Record<string, string>>;
  readonly writable: Readonly<Record<string, string>>;
}

/** Returns the volumes that the file names as NAME:PATH or NAME:PATH:ro. */
async function volumesOf({ volumes = [] }: ComposeService, folder: string): Promise<Mounts> {
  const mounts = { readOnly: {} as Record<string, string>, writable: {} as Record<string, string> };
  for (const volume of volumes) {
    if (typeof volume !== 'string') throw new Error('compose.try.yaml must not mount files of this machine');
    const [name = '', path = '', mode] = volume.split(':');
    const directory = join(folder, `${name}.volume`);
    await mkdir(directory, { recursive: true });
    mounts[mode === 'ro' ? 'readOnly' : 'writable'][path] = directory;
  }
  return mounts;
}

/** Returns the volume that the image declares, and `/tmp` if the root is not read-only. */
async function ownVolumesOf(name: string, service: ComposeService, built: BuiltImage, folder: string) {
  const directory = join(folder, name);
  await mkdir(directory);
  const own: Record<string, string> = {};
  if (Object.keys(built.image.Volumes ?? {}).length > 0)
    own[await makeVolume(built, join(directory, 'volume'))] = join(directory, 'volume');
  if (service['read_only'] === true) return own;
  const temporary = join(directory, 'tmp');
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  return { ...own, '/tmp': temporary };
}

/** Waits until a service fulfils its condition in `depends_on`. */
async function waitForCondition(
  condition: string,
  container: Container | undefined,
  check: readonly string[],
): Promise<void> {
  if (condition === 'service_started') return;
  if (container === undefined) throw new Error(`the condition ${condition} cannot be checked for the registry`);
  if (condition === 'service_healthy') return waitForHealth(container, check);
  if ((await container.child.ended) !== 0) throw new Error(`the container has failed:\n${container.child.output()}`);
}

async function waitForHealth(container: Container, [, ...check]: readonly string[]): Promise<void> {
  const { child } = container;
  if (check.length === 0) throw new Error('the service has no health check');
  const isHealthy = () =>
    container.exec(...check).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await isHealthy()); tries++)
    if (tries > 2400 || (await Promise.race([sleep(50), child.ended.then(() => true)])))
      throw new Error(`the container has ended or is not healthy after two minutes:\n${child.output()}`);
}

/** Starts the registry with the configuration of its official image and the variables of the file, some of which name files in volumes. */
async function startRegistry(
  variables: Readonly<Record<string, string>>,
  { readOnly, writable }: Mounts,
  { folder, address }: Places,
) {
  const here = (text: string): string => {
    const mount = Object.entries({ ...readOnly, ...writable }).find(([path]) => text.startsWith(`${path}/`));
    return mount === undefined ? text : text.replace(...mount);
  };
  const [own, at] = [Object.entries(variables).map(([name, text]) => [name, here(text)]), address('registry')];
  const file = join(folder, 'registry.yml');
  const storage = `storage: {filesystem: {rootdirectory: ${folder}/registry}}`;
  await writeFile(file, `version: 0.1\n${storage}\nhttp: {addr: "${at}"}\n`);
  const env = { ...process.env, ...Object.fromEntries(own) };
  return startListening('docker-registry', ['serve', file], Number(at.split(':')[1]), { env });
}

/** Creates an empty volume with the owner of the directory in the image, as container engines do. Returns its path in the container. */
export async function makeVolume({ root, image }: BuiltImage, volume: string): Promise<string> {
  const [path = ''] = Object.keys(image.Volumes ?? {});
  const { uid, gid, mode } = await stat(join(root, path));
  await mkdir(volume);
  await chown(volume, uid, gid);
  await chmod(volume, mode);
  return path;
}

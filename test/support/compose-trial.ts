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
 * Starts the service of compose.try.yaml, and before it what it depends on, as containers on the network of this machine. The images have the names of
 * their Dockerfiles. The registry, whose image cannot be had, is Debian's with the variables of the file.
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
        await fulfilled(condition, containers.get(needed), places.texts(services[needed]?.healthcheck?.test ?? []));
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

/** What of the names, ports and directories of the containers is on this machine. */
interface Places {
  /** Where the volumes are. */
  readonly folder: string;
  texts(texts: readonly string[]): string[];
  variables(service: ComposeService): Record<string, string>;
  /** Where the service with that name is reached, as HOST:PORT. */
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
  /** None where it is not of an image of ours. */
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
  if (built === undefined) throw new Error(`there is no image of which ${name} could be`);
  const writable = { ...(await ownVolumesOf(name, service, built, places.folder)), ...mounts.writable };
  const env = { ...places.variables(service), ...(name === 'usage' && addressOfUsage(places)) };
  const parameters = places.texts(service.command ?? []);
  const container = await startContainer({ ...built, parameters, env, readOnly: mounts.readOnly, writable });
  return { container, child: { stop: async () => void (await container.stop()) } };
}

/** This machine's network is not for others, and 5000 may be taken. */
function addressOfUsage(places: Places): Record<string, string> {
  const [host = '', port = ''] = places.address('usage').split(':');
  return {
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST: host,
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT: port,
  };
}

/** Directories of this machine, by the path that they have in the container. */
interface Mounts {
  readonly readOnly: Readonly<Record<string, string>>;
  readonly writable: Readonly<Record<string, string>>;
}

/** Those that the file names as NAME:PATH or NAME:PATH:ro. */
async function volumesOf({ volumes = [] }: ComposeService, folder: string): Promise<Mounts> {
  const mounts = { readOnly: {} as Record<string, string>, writable: {} as Record<string, string> };
  for (const volume of volumes) {
    if (typeof volume !== 'string') throw new Error('to try it, no file of this machine is needed');
    const [name = '', path = '', mode] = volume.split(':');
    const directory = join(folder, `${name}.volume`);
    await mkdir(directory, { recursive: true });
    mounts[mode === 'ro' ? 'readOnly' : 'writable'][path] = directory;
  }
  return mounts;
}

/** The volume that the image asks for, and `/tmp` where the root is not read-only. */
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

/** Waits until what is needed is as far as `depends_on` says. */
async function fulfilled(condition: string, container: Container | undefined, check: readonly string[]): Promise<void> {
  if (condition === 'service_started') return;
  if (container === undefined) throw new Error(`nobody here knows of an image of others whether it is ${condition}`);
  if (condition === 'service_healthy') return healthy(container, check);
  if ((await container.child.ended) !== 0) throw new Error(`it has failed:\n${container.child.output()}`);
}

async function healthy(container: Container, [, ...check]: readonly string[]): Promise<void> {
  const { child } = container;
  if (check.length === 0) throw new Error('what has no health check is never healthy');
  const isWell = () =>
    container.exec(...check).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await isWell()); tries++)
    if (tries > 2400 || (await Promise.race([sleep(50), child.ended.then(() => true)])))
      throw new Error(`it has ended, or does not get healthy:\n${child.output()}`);
}

/** With what the registry's own image has as its configuration, and with the variables, of which some name files in volumes. */
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

/** An empty volume, which belongs to whom the image says, as engines make it. Gives the path that it has in the container. */
export async function makeVolume({ root, image }: BuiltImage, volume: string): Promise<string> {
  const [path = ''] = Object.keys(image.Volumes ?? {});
  const { uid, gid, mode } = await stat(join(root, path));
  await mkdir(volume);
  await chown(volume, uid, gid);
  await chmod(volume, mode);
  return path;
}

import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, freePort, startListening } from '../lab/child.ts';
import { type Container, startContainer } from '../lab/container.ts';
import type { ImageConfig } from '../lab/container-store.ts';
import { inNewDirectory, removeDirectory } from '../lab/temporary.ts';
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
 * Starts what compose.try.yaml describes, in the order that it asks for, as containers of those images on the network of this machine. The registry,
 * whose image cannot be had, is Debian's with the variables of the file.
 */
export async function startTrial(ours: BuiltImage, lab: BuiltImage): Promise<Trial> {
  const folder = await inNewDirectory('try', async (made) => made);
  const running: Pick<Child, 'stop'>[] = [];
  const stop = async (): Promise<void> => {
    for (const each of running.reverse()) await each.stop();
    await removeDirectory(folder);
  };
  try {
    const { services } = await readComposeFile('compose.try.yaml');
    const there = await placesFor(services);
    const service = (name: string): ComposeService => services[name] ?? {};
    const tokens = join(folder, 'tokens');
    await mkdir(tokens);
    const part = async (name: string): Promise<Container> => {
      const { command = [], volumes } = service(name);
      const container = await startPart(
        lab,
        there.texts(command),
        join(folder, `${name}.tmp`),
        volumes ? tokens : undefined,
      );
      running.push({ stop: async () => void (await container.stop()) });
      return container;
    };
    for (const name of ['directory', 'tokens'])
      await healthy(await part(name), there.texts(service(name).healthcheck?.test ?? []));
    running.push(
      await startRegistry(there.variables(service('registry')), there.address('registry'), { folder, tokens }),
    );
    const content = await part('content');
    if ((await content.child.ended) !== 0) throw new Error(`there are no sample images:\n${content.child.output()}`);
    const { url, container } = await startUsage(ours, there.variables(service('usage')), join(folder, 'store'));
    running.push({ stop: async () => void (await container.stop()) });
    return { url, usage: container, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What of the names, ports and directories of the containers is on this machine. */
interface Places {
  texts(texts: readonly string[]): string[];
  variables(service: ComposeService): Record<string, string>;
  /** Where the service with that name is reached, as HOST:PORT. */
  address(name: string): string;
}

const PORTS = { directory: 8389, tokens: 8080, registry: 5000 };

async function placesFor(services: ComposeFile['services']): Promise<Places> {
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
    texts: (texts) => texts.map(replaced),
    variables: ({ environment = {} }) =>
      Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, replaced(text)])),
    address: (name) => addresses.get(name) ?? '',
  };
}

/** A part of the lab: root in its container, as the image says. */
async function startPart(lab: BuiltImage, parameters: string[], temporary: string, tokens: string | undefined) {
  await mkdir(temporary);
  await chmod(temporary, 0o1777);
  return startContainer({ ...lab, parameters, writable: { '/tmp': temporary, ...(tokens && { '/tokens': tokens }) } });
}

async function healthy(container: Container, [, ...check]: readonly string[]): Promise<void> {
  const { child } = container;
  const isWell = () =>
    container.exec(...check).then(
      () => true,
      () => false,
    );
  while (!(await isWell()))
    if (await Promise.race([sleep(50), child.ended.then(() => true)]))
      throw new Error(`it has ended:\n${child.output()}`);
}

/** With what the registry's own image has as its configuration, and with the variables. */
async function startRegistry(
  variables: Record<string, string>,
  address: string,
  places: { folder: string; tokens: string },
) {
  const { folder, tokens } = places;
  const storage = `storage: {filesystem: {rootdirectory: ${folder}/registry}}`;
  const file = join(folder, 'registry.yml');
  await writeFile(file, `version: 0.1\n${storage}\nhttp: {addr: "${address}"}\n`);
  const certificate = {
    REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: variables['REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE']?.replace(/^\/tokens\b/, tokens),
  };
  const env = { ...process.env, ...variables, ...certificate };
  return startListening('docker-registry', ['serve', file], Number(address.split(':')[1]), { env });
}

async function startUsage(ours: BuiltImage, variables: Record<string, string>, volume: string) {
  const port = await freePort();
  const env = {
    ...variables,
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST: '127.0.0.1', // this machine's network is not for others
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT: String(port),
  };
  const writable = { [await makeVolume(ours, volume)]: volume };
  return { url: `http://127.0.0.1:${port}`, container: await startContainer({ ...ours, env, writable }) };
}

/** An empty volume, which belongs to whom the image says, as engines make it. Gives the path that it has in the container. */
export async function makeVolume({ root, image }: BuiltImage, volume: string): Promise<string> {
  const [path = ''] = Object.keys(image.Volumes);
  const { uid, gid, mode } = await stat(join(root, path));
  await mkdir(volume);
  await chown(volume, uid, gid);
  await chmod(volume, mode);
  return path;
}

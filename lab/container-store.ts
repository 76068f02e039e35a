import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeBaseRoot, npmSettings } from './base-image.ts';
import { run } from './run.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

const ROOT = new URL('..', import.meta.url).pathname;
export const BASE_IMAGE = 'localhost/lab/node:1';
const SECRETS = ['gitlab_registry_usage_rest.conf', 'secrets/jwt_secret_key', 'secrets/registry_access_token'];

/** A store of container images without an engine: Debian's buildah and skopeo, with their own directory. */
export interface ContainerStore {
  /** Runs buildah and returns its output. */
  buildah(...parameters: readonly string[]): Promise<string>;
  /**
   * Builds a Dockerfile on the lab's base image. The build context is a copy of the checkout that only its owner may read, with the files of `SECRETS`,
   * as in a checkout that is in use.
   */
  build(name: string, dockerfile: string, ...parameters: readonly string[]): Promise<void>;
  /** Creates a container of the image and returns the directory with its files. */
  rootOf(image: string): Promise<string>;
  /** Returns the configuration with which the image is run. */
  configOf(image: string): Promise<ImageConfig>;
  /** Returns the digests of the uncompressed layers. */
  layersOf(image: string): Promise<readonly string[]>;
  /** Pushes an image to a registry over HTTP without TLS. */
  push(image: string, registryUrl: string, name: string, ...parameters: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

export interface ImageConfig {
  readonly Hostname: string;
  readonly User: string;
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[] | null;
  readonly ExposedPorts: Readonly<Record<string, object>>;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly Labels: Readonly<Record<string, string>>;
  /** The times are in nanoseconds. */
  readonly Healthcheck?: { readonly Test: readonly string[]; readonly Timeout: number };
}

interface Inspected {
  readonly OCIv1: { readonly rootfs: { readonly diff_ids: readonly string[] } };
  readonly Docker: { readonly config: ImageConfig };
}

export function makeContainerStore(): Promise<ContainerStore> {
  return inNewDirectory('containers', makeContainerStoreIn);
}

async function makeContainerStoreIn(directory: string): Promise<ContainerStore> {
  const [graph, state] = [join(directory, 'storage'), join(directory, 'run')];
  const npmDirectory = await writeNpmSettings(directory);
  const checkout = await copyOfCheckout(join(directory, 'checkout'));
  const policy = join(directory, 'policy.json');
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const env = { ...process.env, TMPDIR: directory, BUILDAH_ISOLATION: 'chroot' };
  const options = { env };
  const inspect = async (image: string): Promise<Inspected> =>
    JSON.parse(await store.buildah('inspect', '--type', 'image', image));
  const store: ContainerStore = {
    async buildah(...parameters) {
      const place = ['--root', graph, '--runroot', state, '--storage-driver', 'vfs'];
      return (await run('buildah', [...place, ...parameters], options)).stdout.trim();
    },
    async build(name, dockerfile, ...parameters) {
      // The OCI format has no HEALTHCHECK. The npm settings are mounted during the build and do not become part of the image.
      const usual = ['--format', 'docker', '--network', 'host', '--volume', `${npmDirectory}:/usr/local/etc:ro`];
      const ours = ['--build-arg', `NODE_IMAGE=${BASE_IMAGE}`, '--pull-never', '--signature-policy', policy];
      const what = ['--file', resolve(ROOT, dockerfile), '--tag', name];
      await store.buildah('build', ...usual, ...ours, ...parameters, ...what, checkout);
    },
    rootOf: async (image) =>
      store.buildah('mount', await store.buildah('from', '--pull-never', '--signature-policy', policy, image)),
    configOf: async (image) => (await inspect(image)).Docker.config,
    layersOf: async (image) => (await inspect(image)).OCIv1.rootfs.diff_ids,
    async push(image, registryUrl, name, ...parameters) {
      const from = `containers-storage:[vfs@${graph}+${state}]${image}`;
      const to = `docker://${new URL(registryUrl).host}/${name}`;
      await run('skopeo', ['--policy', policy, 'copy', '--dest-tls-verify=false', ...parameters, from, to], options);
    },
    remove: () => removeDirectory(directory),
  };
  await buildBase(store, directory, policy);
  return store;
}

async function buildBase(store: ContainerStore, directory: string, policy: string): Promise<void> {
  const base = join(directory, 'base');
  await makeBaseRoot(base);
  const file = join(directory, 'Containerfile');
  await writeFile(
    file,
    'FROM scratch\nCOPY . /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n',
  );
  const options = ['--file', file, '--signature-policy', policy, '--timestamp', '0'];
  await store.buildah('build', ...options, '--tag', BASE_IMAGE, base);
  await removeDirectory(base);
}

/**
 * Copies the files that .dockerignore allows and some that it excludes, with the modes of a strict umask, and adds the secrets that
 * docs/container.md describes.
 */
async function copyOfCheckout(copy: string): Promise<string> {
  const passed = (await readFile(join(ROOT, '.dockerignore'), 'utf8')).match(/(?<=^!).*$/gm) ?? [];
  for (const name of ['.dockerignore', 'README.md', 'docs', ...passed])
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await mkdir(join(copy, 'secrets'));
  for (const name of SECRETS) await writeFile(join(copy, name), 'secret');
  await run('chmod', ['-R', 'go=', copy]);
  return copy;
}

async function writeNpmSettings(directory: string): Promise<string> {
  const npmDirectory = join(directory, 'npm');
  await mkdir(npmDirectory);
  const { npmrc, cafile } = await npmSettings('/usr/local/etc/certificates.pem');
  await writeFile(join(npmDirectory, 'npmrc'), npmrc);
  if (cafile !== undefined) await cp(cafile, join(npmDirectory, 'certificates.pem'), { dereference: true });
  return npmDirectory;
}

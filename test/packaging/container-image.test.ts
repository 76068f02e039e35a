import { chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../lab/certificate.ts';
import { freePort } from '../../lab/child.ts';
import { type Container, type ContainerOptions, startContainer } from '../../lab/container.ts';
import { BASE_IMAGE, type ContainerStore, type ImageConfig, makeContainerStore } from '../../lab/container-store.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { run } from '../../lab/run.ts';
import { type Settings, serviceCommand, toIni } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { type LabTokenService, startTokenService } from '../../lab/token-service.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { readComposeFile } from '../support/compose-file.ts';
import { makeVolume, startTrial } from '../support/compose-trial.ts';
import { installDebianPackages } from '../support/debian-packages.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';
import { basic, waitForLog } from '../support/whole-lab.ts';

setSlowTimeLimits();

/* Builds the Dockerfile with Debian's buildah, on a base image made from the packages of this machine, and runs the image as a container engine
 * would. These tests need root, because they mount file systems and change the root directory. */

const IMAGE = 'localhost/lab/usage:1';
const EPOCH = '1767225600';
const HOME = '/opt/gitlab-registry-usage-rest';
const CONFIG_FILE = '/etc/gitlab_registry_usage_rest.conf';
const STATE = '/var/lib/gitlab-registry-usage-rest';
/** A script that makes SQLite write to a temporary file, because the data does not fit into its cache. */
const SPILL = `const database = new (require('node:sqlite').DatabaseSync)(':memory:');
  database.exec('PRAGMA temp_store = FILE; PRAGMA temp.cache_size = 10; CREATE TEMP TABLE large (bytes)');
  database.exec('INSERT INTO large WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT zeroblob(1000) FROM n')`;
const ACCESS_TOKEN = 'glpat-of-the-container';

let store: ContainerStore;
let image: ImageConfig;
let root: string;
let folder: string;
let tokens: LabTokenService;
let directory: LabDirectory;
let registry: LabRegistry;

/** Stop the started programs, in the opposite order, also if a later one could not be started. */
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const lab = ['docker-registry', 'slapd', 'openssl', 'curl'];
  await installDebianPackages(...lab, 'buildah', 'skopeo', 'mmdebstrap', 'iproute2:ip');
  folder = await inNewDirectory('container', async (made) => made);
  cleanups.push(() => removeDirectory(folder));
  store = await makeContainerStore();
  cleanups.push(store.remove);
  await store.build(IMAGE, 'Dockerfile', '--timestamp', EPOCH);
  image = await store.configOf(IMAGE);
  root = await store.rootOf(IMAGE);
  tokens = await startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]);
  cleanups.push(tokens.stop);
  directory = await startDirectory({ isAnonymousAllowed: false });
  cleanups.push(directory.remove);
  registry = await startRegistry({ tokens });
  cleanups.push(registry.remove);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

describe('the image', () => {
  test('runs as an unprivileged user, with the options of the main file, and with the store in a volume', () => {
    const [, ...options] = serviceCommand(`${HOME}/dist/main.js`);
    expect(image).toMatchObject({
      User: '1000:1000',
      Entrypoint: ['node', ...options],
      ExposedPorts: { '5000/tcp': {} },
      Volumes: { [STATE]: {} },
      Healthcheck: { Test: ['CMD', 'node', `${HOME}/health.js`] },
    });
    expect(image.Cmd ?? []).toEqual([]);
    expect(image.WorkingDir || '/').toBe('/');
    expect(image.Healthcheck?.Timeout).toBeGreaterThan(5e9); // the check itself gives up after five seconds, and prints why
  });

  test('has labels with its title, description, version, licence and base image', () => {
    const prefix = 'org.opencontainers.image.';
    expect(image.Labels).toMatchObject({
      [`${prefix}title`]: packageJson.name,
      [`${prefix}description`]: packageJson.description,
      [`${prefix}version`]: packageJson.version,
      [`${prefix}licenses`]: packageJson.license,
      [`${prefix}base.name`]: BASE_IMAGE,
    });
  });

  test('has a base image of a fixed version by default, whose Node can run the program', async () => {
    const named = async (file: string) => /^ARG NODE_IMAGE=(.*)$/m.exec(await readFile(file, 'utf8'))?.[1] ?? '';
    const [, ...version] =
      /^docker\.io\/library\/node:(\d+)\.(\d+)\.\d+-bookworm-slim$/.exec(await named('Dockerfile')) ?? [];
    const [major = 0, minor = 0] = version.map(Number);
    const [, fetched] = /\$package@(\d+)/.exec(await readFile('scripts/with-node', 'utf8')) ?? [];
    expect(major).toBe(Number(fetched)); // the Node version of the tests
    expect(packageJson.engines.node).toBe('>=22.19.0');
    expect(major > 22 || (major === 22 && minor >= 19)).toBe(true);
    expect(await named('lab/Dockerfile')).toBe(await named('Dockerfile'));
  });

  test('contains the program and its production dependencies, and no build tools', async () => {
    const home = join(root, HOME);
    expect((await readdir(home)).sort()).toEqual([
      'LICENSE',
      'dist',
      'health.js',
      'node_modules',
      'openapi.json',
      'package.json',
    ]);
    const modules = await readdir(join(home, 'node_modules'));
    expect(modules).toEqual(expect.arrayContaining(['fastify', 'zod']));
    for (const absent of ['typescript', 'vitest', '@biomejs', '.package-lock.json'])
      expect(modules).not.toContain(absent);
    const [before, after] = [await pathsIn(await store.rootOf(BASE_IMAGE)), await pathsIn(await store.rootOf(IMAGE))];
    const isOurs = (path: string) => `/${path}/`.startsWith(`${HOME}/`) || `/${path}` === STATE;
    const others = [...after].filter((path) => !before.has(path) && !isOurs(path));
    expect(others).toEqual(['etc/hosts']); // buildah mounts this file while it runs a command
    const { uid, gid, mode } = await stat(join(root, STATE));
    expect([uid, gid, mode & 0o777]).toEqual([1000, 1000, 0o700]);
  });

  test('is built only from the files that the Dockerfiles copy, not from others in the checkout', async () => {
    const file = join(folder, 'everything');
    await writeFile(file, 'FROM scratch\nCOPY . /\n');
    const everything = 'localhost/lab/everything:1';
    await store.build(everything, file);
    const dockerfiles = await Promise.all(['Dockerfile', 'lab/Dockerfile'].map((name) => readFile(name, 'utf8')));
    const copied = dockerfiles
      .flatMap((text) => text.match(/(?<=^COPY (--chmod=\d+ )?)[^-].*(?= \S+$)/gm) ?? [])
      .flatMap((sources) => sources.split(' '))
      .map((source) => source.split('/')[0]);
    expect((await readdir(await store.rootOf(everything))).sort()).toEqual([...new Set(copied)].sort());
  });

  test('has the same layers and settings when it is built again from the same sources with the same date', async () => {
    const again = 'localhost/lab/usage:again';
    await store.build(again, 'Dockerfile', '--timestamp', EPOCH);
    expect(await store.layersOf(again)).toEqual(await store.layersOf(IMAGE));
    // In Docker's format, buildah adds the name of the build container.
    const { Hostname: _, ...config } = await store.configOf(again);
    expect(image).toMatchObject(config);
    expect((await store.layersOf(again)).length).toBeGreaterThan((await store.layersOf(BASE_IMAGE)).length);
  });
});

test('docs/container.md mounts the configuration and the volume at the paths of the image', async () => {
  const page = await readFile('docs/container.md', 'utf8');
  const [, command = ''] = /^docker run --detach ([^`]*)/m.exec(page) ?? [];
  const options = command.replaceAll('\\\n', ' ').trim().split(/\s+/);
  const after = (name: string) => options.filter((_, i) => options[i - 1] === name);
  expect(after('--publish')).toEqual([`127.0.0.1:5000:${Object.keys(image.ExposedPorts)[0]?.replace('/tcp', '')}`]);
  // Unlike --volume, --mount does not create a directory if the file is missing.
  expect(after('--mount')).toEqual([
    `type=bind,source="$PWD/gitlab_registry_usage_rest.conf",target=${CONFIG_FILE},readonly`,
  ]);
  expect(after('--volume')).toEqual([`registry-usage:${Object.keys(image.Volumes ?? {})[0]}`]);
  expect(options).toEqual(expect.arrayContaining(['--read-only', '--cap-drop', 'ALL', 'no-new-privileges']));
});

/** Starts a container with these settings and an empty volume, whose owner is that of the directory in the image. */
async function start(name: string, settings: Settings, options: Partial<ContainerOptions> = {}): Promise<Container> {
  const [file, volume] = [join(folder, `${name}.conf`), join(folder, `${name}.volume`)];
  await writeFile(file, toIni(settings));
  await makeVolume({ root, image }, volume);
  const { readOnly, ...others } = options;
  const mounts = { readOnly: { [CONFIG_FILE]: file, ...readOnly }, writable: { [STATE]: volume } };
  return startContainer({ root, image, ...mounts, ...others });
}

/** Writes a file that only the user of the container can read. */
async function secret(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, `${text}\n`, { mode: 0o400 });
  await chown(file, 1000, 1000);
  return file;
}

/** Returns the paths of all files below a directory, relative to it. */
async function pathsIn(directory: string): Promise<ReadonlySet<string>> {
  const { stdout } = await run('find', [directory, '-mindepth', '1', '-printf', '%P\\n']);
  return new Set(stdout.trim().split('\n'));
}

/** Returns the command of the health check. */
const check = (): readonly string[] => image.Healthcheck?.Test.slice(1) ?? [];

const settings = (changes: Settings = {}): Settings => ({
  general: changes['general'] ?? {},
  ldap: {
    host: directory.ldapUrl,
    base_dn: directory.baseDn,
    valid_gid: VALID_GID,
    bind_dn: directory.reader.dn,
  },
  registry: { gitlab_base_url: tokens.url, registry_base_url: registry.url, username: 'crawler' },
});

/** Returns the variables and files of the secrets as compose.yaml passes them, and of one more for the LDAP directory of the lab. */
async function withSecrets(): Promise<{ env: Record<string, string>; readOnly: Record<string, string> }> {
  const { services, secrets = {} } = await readComposeFile('compose.yaml');
  const texts: Readonly<Record<string, string>> = {
    './secrets/jwt_secret_key': 'a secret key of the container, of 32 bytes and more',
    './secrets/registry_access_token': ACCESS_TOKEN,
  };
  const password = '/run/secrets/ldap_bind_password';
  const readOnly: Record<string, string> = {};
  readOnly[password] = await secret('ldap_bind_password', directory.reader.password);
  for (const name of services['usage']?.secrets ?? [])
    readOnly[`/run/secrets/${name}`] = await secret(name, texts[secrets[name]?.file ?? ''] ?? '');
  const env = { ...services['usage']?.environment, GITLAB_REGISTRY_USAGE_REST_LDAP_BIND_PASSWORD_FILE: password };
  return { env, readOnly };
}

describe('a container', () => {
  test('listens on all addresses, passes its health check with any port and path, and exits with 0 on SIGTERM', async () => {
    const { env, readOnly } = await withSecrets();
    const general = { socket_host: '127.0.0.1', socket_port: 8081, server_prefix: '/registry/usage' };
    const container = await start('alone', settings({ general }), { env, readOnly, hasOwnNetwork: true });
    try {
      await waitForLog(container, '"listening"');
      expect(container.child.output()).toContain('"url":"http://0.0.0.0:8081/registry/usage"');
      await container.exec(...check());
      for (const [variable, problem] of [
        ['SOCKET_PORT=8082', 'ECONNREFUSED'],
        ['SERVER_PREFIX=/elsewhere', 'status 404'],
      ] as const) {
        const elsewhere = ['env', `GITLAB_REGISTRY_USAGE_REST_GENERAL_${variable}`, ...check()];
        await expect(container.exec(...elsewhere)).rejects.toThrow(problem);
      }
    } finally {
      expect(await container.stop()).toBe(0);
    }
    expect(container.child.output()).toContain('"stopping"');
  });

  test('has no capabilities, and can write only to its volume', async () => {
    const { env, readOnly } = await withSecrets();
    const container = await start('rights', settings(), { env, readOnly, hasOwnNetwork: true });
    const node = (script: string) => container.exec('node', '-e', script);
    try {
      await waitForLog(container, '"listening"');
      const status = await container.exec('node', '-p', 'fs.readFileSync("/proc/1/status", "utf8")');
      expect(status).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      for (const path of ['/', '/tmp', HOME, '/etc'])
        await expect(node(`fs.writeFileSync("${path}/x", "")`)).rejects.toThrow(/EROFS|EACCES/);
      expect(await container.exec('node', '-p', `fs.readdirSync("${STATE}").includes("usage.db")`)).toBe('true\n');
      await node(SPILL);
      await expect(node(`delete process.env.SQLITE_TMPDIR; ${SPILL}`)).rejects.toThrow('disk I/O error');
    } finally {
      await container.stop();
    }
  });

  test('passes its health check with a certificate', async () => {
    const { env, readOnly } = await withSecrets();
    const { certificateFile, keyFile } = await makeCertificate(folder, ['DNS:usage.example.com']);
    await chown(keyFile, 1000, 1000);
    const [tls_certificate, tls_key] = ['/run/secrets/certificate', '/run/secrets/key'];
    const files = { ...readOnly, [tls_certificate]: certificateFile, [tls_key]: keyFile };
    const container = await start('tls', settings({ general: { tls_certificate, tls_key } }), {
      env,
      readOnly: files,
      hasOwnNetwork: true,
    });
    try {
      await waitForLog(container, '"url":"https://0.0.0.0:5000');
      await container.exec(...check());
    } finally {
      await container.stop();
    }
  });

  test('exits with 1 if it cannot write to its volume', async () => {
    const { env, readOnly } = await withSecrets();
    const volume = join(folder, 'of-root');
    await mkdir(volume, { mode: 0o700 });
    const container = await start('volume', settings(), {
      env,
      readOnly,
      writable: { [STATE]: volume },
      hasOwnNetwork: true,
    });
    expect(await container.child.ended).toBe(1);
    expect(container.child.output()).toContain(
      `[store] url: the store cannot be written: no permission for the file or its directory (${STATE}/`,
    );
  });

  test('prints the default configuration', async () => {
    const container = await start('print', {}, { parameters: ['--print-default-config'], hasOwnNetwork: true });
    expect(await container.child.ended).toBe(0);
    expect(container.child.output()).toMatch(/^secret_key = [0-9a-f]{64}$/m);
  });

  test('returns the size of its own image after a push to the registry', async () => {
    const name = 'group/tools/usage';
    const token = await tokens.mint([{ type: 'repository', name, actions: ['pull', 'push'] }]);
    await store.push(IMAGE, registry.url, `${name}:1`, '--dest-registry-token', token);
    const { env, readOnly } = await withSecrets();
    const port = await freePort();
    // The container shares the network of this machine, where it may listen only on 127.0.0.1.
    const ours = { ...env, GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_HOST: '127.0.0.1' };
    const container = await start('whole', settings({ general: { socket_port: port } }), { env: ours, readOnly });
    try {
      await waitForLog(container, 'crawl finished');
      const url = `http://127.0.0.1:${port}`;
      const { auth_token } = await answer(`${url}/auth_token`, basic('alice', 'alice-secret'));
      const headers = { authorization: `Bearer ${auth_token}` };
      const tag = await answer(`${url}/repositories/${encodeURIComponent(name)}/tags/1`, headers);
      const blobs = await blobSizes(registry);
      const layers = (await store.layersOf(IMAGE)).length;
      const largest = blobs.toSorted((a, b) => b - a).slice(0, layers);
      expect(tag).toMatchObject({
        name: '1',
        status: 'ok',
        deduplicated_bytes: sum(blobs),
        size: sum(largest),
        reclaimable_bytes: sum(blobs),
      });
      expect(tag['size']).toBeGreaterThan(20_000_000);
    } finally {
      await container.stop();
    }
  });
});

test('compose.try.yaml starts a service that reads the sample images', async () => {
  const lab = 'localhost/lab/try:1';
  await store.build(lab, 'lab/Dockerfile');
  const labImage = { root: await store.rootOf(lab), image: await store.configOf(lab) };
  const trial = await startTrial({ Dockerfile: { root, image }, 'lab/Dockerfile': labImage });
  try {
    await waitForLog(trial.usage, 'crawl finished');
    await trial.usage.exec(...check()); // works without a configuration file
    const lines = (await readFile('docs/container.md', 'utf8')).match(/^(token=\$\(curl|curl ).*$/gm) ?? [];
    const { stdout } = await run('sh', ['-euc', lines.join('\n').replaceAll('http://127.0.0.1:5000', trial.url)]);
    const { _embedded } = JSON.parse(stdout) as { _embedded: { items: object[] } };
    expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
  } finally {
    await trial.stop();
  }
});

async function answer(url: string, headers: Record<string, string>): Promise<Record<string, unknown>> {
  const response = await fetch(url, { headers });
  expect(response.status, url).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** Returns the size of every blob on the registry's disk. */
async function blobSizes({ storageDirectory }: LabRegistry): Promise<readonly number[]> {
  const blobs = join(storageDirectory, 'docker/registry/v2/blobs');
  const files = (await readdir(blobs, { recursive: true })).filter((file) => file.endsWith('/data'));
  return Promise.all(files.map(async (file) => (await stat(join(blobs, file))).size));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

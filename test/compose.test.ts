import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Child, freePort, startChild, startListening } from '../lab/child.ts';
import { serviceCommand } from '../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../lab/temporary.ts';
import packageJson from '../package.json' with { type: 'json' };

/* The compose files: held against the schema of the compose specification, and, without an engine, run as the processes that they describe. */

const run = promisify(execFile);

interface Service {
  readonly image?: string;
  readonly build?: string | { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, object>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly disable?: boolean };
  readonly [key: string]: unknown;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
}

const FILES = ['compose.yaml', 'compose.try.yaml'];

async function read(file: string): Promise<ComposeFile> {
  return parse(await readFile(file, 'utf8'), { merge: true }) as ComposeFile;
}

const usageOf = async (file: string): Promise<Service> => (await read(file)).services['usage'] ?? {};

/** The schema of the compose specification, as the package dclint hands it on. */
async function validator() {
  const { $schema: _, ...schema } = JSON.parse(
    await readFile('node_modules/dclint/schemas/compose.schema.json', 'utf8'),
  );
  return new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
}

test.each(FILES)('%s is as the compose specification wants it', async (file) => {
  const validate = await validator();
  const content = await read(file);
  expect([validate(content), validate.errors]).toEqual([true, null]);
  const spoilt = { ...content, services: { usage: { ...content.services['usage'], read_onyl: true } } };
  expect(validate(spoilt)).toBe(false);
});

test.each(FILES)('%s names only what there is', async (file) => {
  const { services, volumes = {}, secrets = {} } = await read(file);
  for (const [name, service] of Object.entries(services)) {
    for (const needed of Object.keys(service.depends_on ?? {})) expect(services, name).toHaveProperty(needed);
    for (const secret of service.secrets ?? []) expect(secrets, name).toHaveProperty(secret);
    for (const volume of service.volumes ?? []) {
      const [source = ''] = volume.split(':');
      if (!source.startsWith('.')) expect(volumes, name).toHaveProperty(source);
    }
    const { build } = service;
    if (build !== undefined) expect(existsSync(typeof build === 'string' ? 'Dockerfile' : build.dockerfile)).toBe(true);
  }
});

test.each(FILES)(
  'in %s the service has no rights, cannot write to its root, and is there for this machine alone',
  async (file) => {
    expect(await usageOf(file)).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      ports: ['127.0.0.1:5000:5000'],
    });
  },
);

test('in production it has the file, the volume and the check that the image knows, its secrets from files, and its version', async () => {
  const { image, volumes, healthcheck, environment = {}, secrets } = await usageOf('compose.yaml');
  const dockerfile = await readFile('Dockerfile', 'utf8');
  expect(image).toBe(`${packageJson.name}:${packageJson.version}`);
  expect(volumes).toEqual([
    './gitlab_registry_usage_rest.conf:/etc/gitlab_registry_usage_rest.conf:ro',
    `store:${/^VOLUME (.*)$/m.exec(dockerfile)?.[1]}`,
  ]);
  expect(healthcheck?.test).toEqual(['CMD', ...JSON.parse(/^HEALTHCHECK.* CMD (.*)$/m.exec(dockerfile)?.[1] ?? '')]);
  expect(Object.values(environment)).toEqual(secrets?.map((name) => `/run/secrets/${name}`));
  expect(Object.keys(environment).every((name) => name.endsWith('_FILE'))).toBe(true);
  const page = await readFile('docs/container.md', 'utf8');
  const files = Object.values((await read('compose.yaml')).secrets ?? {}).map(({ file }) => file.replace('./', ''));
  expect(files.length).toBe(secrets?.length);
  for (const file of files) expect(page).toMatch(new RegExp(`^.* ${file}$`, 'm'));
});

test('what compose.try.yaml starts is a service that has read the sample images', async () => {
  const running: Child[] = [];
  const folder = await inNewDirectory('try', async (made) => made);
  try {
    const { services } = await read('compose.try.yaml');
    const place = await placesFor(services, folder);
    const part = (name: string): Child => {
      const child = startChild(process.execPath, ['lab/try.ts', ...place(services[name]?.command ?? [])]);
      running.push(child);
      return child;
    };
    for (const name of ['directory', 'tokens'])
      await healthy(part(name), place(services[name]?.healthcheck?.test ?? []));
    running.push(await registry(services['registry'] ?? {}, place, folder));
    expect(await part('content').ended).toBe(0);
    const { url, child } = await usage(services['usage'] ?? {}, place, folder);
    running.push(child);
    while (!child.output().includes('collection finished')) await stillRunning(child);
    const lines = (await readFile('docs/container.md', 'utf8')).match(/^(token=\$\(curl|curl ).*$/gm) ?? [];
    const { stdout } = await run('sh', ['-euc', lines.join('\n').replaceAll('http://127.0.0.1:5000', url)]);
    const { _embedded } = JSON.parse(stdout) as { _embedded: { items: object[] } };
    expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
  } finally {
    for (const child of running.reverse()) await child.stop();
    await removeDirectory(folder);
  }
});

/** What of the names, ports and directories of containers is on this machine. */
type Place = (texts: readonly string[]) => string[];

async function placesFor(services: ComposeFile['services'], folder: string): Promise<Place> {
  await mkdir(join(folder, 'tokens'));
  const replacements: [RegExp, string][] = [[/(^|[^\w:/])\/tokens\b/g, `$1${folder}/tokens`]];
  for (const [name, port] of Object.entries({ directory: 8389, tokens: 8080, registry: 5000 })) {
    expect(services).toHaveProperty(name);
    const free = await freePort();
    replacements.push([new RegExp(`${name}:${port}\\b|0\\.0\\.0\\.0:${port}\\b`, 'g'), `127.0.0.1:${free}`]);
    replacements.push([new RegExp(`connect\\(${port},`, 'g'), `connect(${free},`]);
  }
  return (texts) =>
    texts.map((text) => replacements.reduce((changed, [found, instead]) => changed.replace(found, instead), text));
}

/** As the health check of the container says. */
async function healthy(child: Child, [, , ...check]: readonly string[]): Promise<void> {
  while ((await startChild(process.execPath, check).ended) !== 0) await stillRunning(child);
}

/** With what the registry's own image has as its configuration, and with the variables. */
async function registry({ environment = {} }: Service, place: Place, folder: string): Promise<Child> {
  const [address = ''] = place(['registry:5000']);
  const storage = `storage: {filesystem: {rootdirectory: ${folder}/registry}}`;
  const file = join(folder, 'registry.yml');
  await writeFile(file, `version: 0.1\n${storage}\nhttp: {addr: "${address}"}\n`);
  const env = { ...process.env, ...placed(environment, place) };
  return startListening('docker-registry', ['serve', file], Number(address.split(':')[1]), { env });
}

async function usage({ environment = {} }: Service, place: Place, folder: string) {
  const port = await freePort();
  const [command, ...parameters] = serviceCommand();
  const env = {
    ...process.env,
    ...placed(environment, place),
    GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT: String(port),
    STATE_DIRECTORY: join(folder, 'store'),
  };
  return { url: `http://127.0.0.1:${port}`, child: await startListening(command, parameters, port, { env }) };
}

function placed(environment: Readonly<Record<string, string>>, place: Place): Record<string, string> {
  const names = Object.keys(environment);
  const values = place(Object.values(environment));
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
}

async function stillRunning(child: Child): Promise<void> {
  if (await Promise.race([sleep(50), child.ended.then(() => true)]))
    throw new Error(`it has ended:\n${child.output()}`);
}

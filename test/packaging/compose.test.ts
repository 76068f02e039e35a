import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { type ComposeService, type Mount, readComposeFile } from '../support/compose-file.ts';

/* Checks the compose files against the schema of the compose specification and against the files that they name. container-image.test.ts runs
 * compose.try.yaml. */

const FILES = ['compose.yaml', 'compose.try.yaml'];

const usageOf = async (file: string): Promise<ComposeService> => (await readComposeFile(file)).services['usage'] ?? {};

/** Returns a validator for the schema of the compose specification, from the package dclint. */
async function validator() {
  const { $schema: _, ...schema } = JSON.parse(
    await readFile('node_modules/dclint/schemas/compose.schema.json', 'utf8'),
  );
  return new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
}

test.each(FILES)('%s conforms to the compose specification', async (file) => {
  const validate = await validator();
  const content = await readComposeFile(file);
  expect([validate(content), validate.errors]).toEqual([true, null]);
  const spoilt = { ...content, services: { usage: { ...content.services['usage'], read_onyl: true } } };
  expect(validate(spoilt)).toBe(false);
});

test.each(FILES)('%s refers only to services, secrets, volumes and files that exist', async (file) => {
  const { services, volumes = {}, secrets = {} } = await readComposeFile(file);
  for (const [name, service] of Object.entries(services)) {
    for (const needed of Object.keys(service.depends_on ?? {})) expect(services, name).toHaveProperty(needed);
    for (const secret of service.secrets ?? []) expect(secrets, name).toHaveProperty(secret);
    for (const volume of service.volumes ?? []) {
      if (typeof volume === 'string') expect(volumes, name).toHaveProperty(volume.split(':')[0] ?? '');
    }
    const { build } = service;
    if (build !== undefined) expect(existsSync(typeof build === 'string' ? 'Dockerfile' : build.dockerfile)).toBe(true);
  }
});

test.each(FILES)(
  '%s gives the service no capabilities and a read-only root, and publishes it on 127.0.0.1 only',
  async (file) => {
    expect(await usageOf(file)).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      ports: ['127.0.0.1:5000:5000'],
    });
  },
);

test('compose.yaml uses the configuration file, volume and health check of the image, secrets from files, and the current version', async () => {
  const { image, volumes, healthcheck, environment = {}, secrets, restart } = await usageOf('compose.yaml');
  const dockerfile = await readFile('Dockerfile', 'utf8');
  expect(image).toBe(`${packageJson.name}:${packageJson.version}`);
  const file: Mount = {
    type: 'bind',
    source: './gitlab_registry_usage_rest.conf',
    target: '/etc/gitlab_registry_usage_rest.conf',
    read_only: true,
    bind: { create_host_path: false }, // else the engine would create a directory, and restart the service for ever
  };
  expect(volumes).toEqual([file, `store:${/^VOLUME (.*)$/m.exec(dockerfile)?.[1]}`]);
  expect(healthcheck?.test).toEqual(['CMD', ...JSON.parse(/^HEALTHCHECK.* CMD (.*)$/m.exec(dockerfile)?.[1] ?? '')]);
  const { interval, timeout, start_period } = healthcheck ?? {};
  expect(dockerfile).toContain(`--interval=${interval} --timeout=${timeout} --start-period=${start_period} `);
  expect(restart).toBe('unless-stopped');
  expect(Object.values(environment)).toEqual(secrets?.map((name) => `/run/secrets/${name}`));
  expect(Object.keys(environment).every((name) => name.endsWith('_FILE'))).toBe(true);
  const page = await readFile('docs/container.md', 'utf8');
  expect(page).toContain(`docker run --rm ${image} --print-default-config`);
  const files = Object.values((await readComposeFile('compose.yaml')).secrets ?? {}).map(({ file }) =>
    file.replace('./', ''),
  );
  expect(files.length).toBe(secrets?.length);
  for (const file of files) expect(page).toMatch(new RegExp(`^.* ${file}$`, 'm'));
});

test('compose.try.yaml waits until jobs have completed and services with a health check are healthy', async () => {
  const { services } = await readComposeFile('compose.try.yaml');
  const needs = Object.values(services).flatMap((service) => Object.entries(service.depends_on ?? {}));
  for (const [name, { condition }] of needs) {
    const { disable, test: check } = services[name]?.healthcheck ?? {};
    const running = check === undefined ? 'service_started' : 'service_healthy';
    expect(condition, name).toBe(disable ? 'service_completed_successfully' : running);
  }
  expect(needs.length).toBeGreaterThan(0);
});

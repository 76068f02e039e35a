import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { pushSampleContent } from '../../lab/content.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, type LabRegistryOptions, startRegistry } from '../../lab/registry.ts';
import { type LabService, type Settings, startService } from '../../lab/service.ts';
import { slowed } from '../../lab/slowed.ts';
import { type LabTokenService, startTokenService } from '../../lab/token-service.ts';

/* Runs the service as an operator does, as a process with a configuration file, with a real registry, LDAP directory and token service. */

const ACCESS_TOKEN = 'glpat-access%token';
const SECRET_KEY = 'the secret key of this run: 100% secret';
export const PASSWORD = 'pä:s:wörd';
export const WRONG_PASSWORD = 'wrong-password-of-jürgen';

export interface WholeLab {
  readonly tokens: LabTokenService;
  readonly registry: LabRegistry;
  readonly directory: LabDirectory;
  /** Starts a service. The given settings replace the usual ones. */
  start(changes?: Settings): Promise<LabService>;
  /** Starts a service that sends one request at a time to the registry, and delays each one, so that a test can act during a crawl. */
  startSlowly(delayMs: number, changes?: Settings): Promise<LabService>;
  /** Stops a service, adds its output to `outputs`, and returns its exit code. */
  stop(service: LabService): Promise<number | null>;
  /** The output of every service that was stopped. */
  readonly outputs: string[];
  remove(): Promise<void>;
}

/** Starts everything that a service needs, with the sample content in the registry. The options are those of the registry. */
export async function startWholeLab(options: Omit<LabRegistryOptions, 'tokens'> = {}): Promise<WholeLab> {
  const [tokens, directory] = await Promise.all([
    startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]),
    startDirectory({ isAnonymousAllowed: false }),
  ]);
  const registry = await startRegistry({ tokens, ...options });
  await pushSampleContent(createPusher(registry, tokens));
  const outputs: string[] = [];
  const lab: WholeLab = {
    tokens,
    registry,
    directory,
    start: (changes = {}) => startService(changed(usual({ tokens, registry, directory }), changes)),
    async startSlowly(delayMs, changes = {}) {
      const slow = await slowed(registry.url, delayMs);
      const slowly = { registry: { registry_base_url: slow.url, concurrency_min: 1, concurrency_max: 1 } };
      const service = await lab.start(changed(slowly, changes));
      return { ...service, stop: () => service.stop().then(slow.stop) };
    },
    async stop(service) {
      await service.stop();
      outputs.push(service.child.output());
      return service.child.ended;
    },
    outputs,
    async remove() {
      await Promise.all([registry.remove(), directory.remove()]);
      await tokens.stop();
    },
  };
  return lab;
}

function usual({ tokens, registry, directory }: Pick<WholeLab, 'tokens' | 'registry' | 'directory'>): Settings {
  return {
    ldap: {
      host: directory.ldapsUrl,
      base_dn: directory.baseDn,
      valid_gid: VALID_GID,
      ca_file: directory.caFile,
      bind_dn: directory.reader.dn,
      bind_password: directory.reader.password,
      timeout: '2 s',
    },
    jwt: { secret_key: SECRET_KEY, auth_token_expires: '1h' },
    registry: {
      gitlab_base_url: tokens.url,
      registry_base_url: `${registry.url}/`,
      username: 'crawler',
      access_token: ACCESS_TOKEN,
    },
  };
}

function changed(settings: Settings, changes: Settings): Settings {
  const sections = new Set([...Object.keys(settings), ...Object.keys(changes)]);
  return Object.fromEntries([...sections].map((name) => [name, { ...settings[name], ...changes[name] }]));
}

export const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

export async function signIn({ url }: LabService): Promise<Record<string, string>> {
  const response = await fetch(`${url}/auth_token`, { headers: basic('jürgen', PASSWORD) });
  const { auth_token } = (await response.json()) as { auth_token: string };
  return { authorization: `Bearer ${auth_token}` };
}

/** Returns the figures of all repositories and tags, without the time of the snapshot. Waits for the configs of images after a first crawl. */
export async function figures(service: LabService): Promise<object> {
  const headers = await signIn(service);
  for (let tries = 0; tries < 6000; tries++) {
    const response = await fetch(`${service.url}/repositories?embed=true`, { headers });
    const { _embedded, configs_pending } = (await response.json()) as { _embedded: object; configs_pending: number };
    if (configs_pending === 0) return _embedded;
    await sleep(20);
  }
  throw new Error('the configs of images were not read in two minutes');
}

/** Waits until the output of the service contains the text, `times` times. Throws after two minutes. */
export async function waitForLog({ child }: Pick<LabService, 'child'>, text: string, times = 1): Promise<void> {
  for (let tries = 0; child.output().split(text).length <= times; tries++) {
    if (tries > 6000) throw new Error(`the output does not contain "${text}":\n${child.output()}`);
    await sleep(20);
  }
}

/** Expects that the text contains none of the secrets, neither literally nor encoded. */
export function expectNoSecret(all: string, { directory }: WholeLab): void {
  for (const secret of [ACCESS_TOKEN, SECRET_KEY, PASSWORD, directory.reader.password, WRONG_PASSWORD]) {
    for (const form of [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      Buffer.from(`crawler:${secret}`).toString('base64'),
    ]) {
      expect(all).not.toContain(form);
    }
  }
  expect(all).not.toMatch(/eyJ[\w-]+\.eyJ/);
}

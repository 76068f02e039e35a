import { access, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../lab/run.ts';
import { type LabService, type Settings, startService } from '../../lab/service.ts';
import { makeDirectory } from '../../lab/temporary.ts';

/* A checkout of this project. Its sources may be laid out in any way: it is used only through its launcher, its configuration keys and HTTP. */

export interface Checkout {
  /** `before` or `after`. */
  readonly name: string;
  readonly launcher: string;
  /** The commit, with `-dirty` behind it if files were changed. */
  readonly commit: string;
  /** What Node has compiled of the sources, for the next start. */
  readonly compileCache: string;
}

/** A running service of a checkout, with a token for its API. */
export interface CheckoutService extends Pick<LabService, 'url' | 'stop'> {
  readonly token: string;
}

/** What both services of a comparison read. */
export interface Source {
  readonly registryUrl: string;
  readonly tokenUrl: string;
}

const LAUNCHER = 'gitlab-registry-usage-rest';
const USER = 'bench';
const PASSWORD = 'secret';
/** The bcrypt hash of the password, with a low cost. */
const HASH = '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';
/** Requests are counted, but the limits are never reached. */
const FAR_LIMITS = { requests_per_address: 10_000_000, requests_per_user: 10_000_000 };
const POLL_EVERY_MS = 20;

export async function openCheckout(name: string, path: string): Promise<Checkout> {
  const directory = resolve(path);
  const launcher = join(directory, LAUNCHER);
  await access(launcher).catch(() => {
    throw new Error(`${path} is not a checkout of this project: it has no file ${LAUNCHER}`);
  });
  const { stdout } = await run('git', ['-C', directory, 'describe', '--always', '--dirty', '--abbrev=12']);
  return { name, launcher, commit: stdout.trim(), compileCache: makeDirectory('compile-cache') };
}

/** Starts a service that crawls at its start and then once a day. @param stateDirectory holds its store */
export async function startCheckout(
  { launcher, compileCache }: Checkout,
  { registryUrl, tokenUrl }: Source,
  stateDirectory: string,
): Promise<CheckoutService> {
  const accounts = join(stateDirectory, 'accounts');
  await writeFile(accounts, `${USER}:${HASH}\n`, { mode: 0o600 });
  const settings: Settings = {
    general: { log_level: 'warn', update_interval: '24 hours' },
    auth: { methods: 'htpasswd', htpasswd_file: accounts },
    limits: FAR_LIMITS,
    jwt: { secret_key: 'a secret key for the bench, and for nothing else' },
    registry: {
      gitlab_base_url: tokenUrl,
      registry_base_url: registryUrl,
      username: 'crawler',
      access_token: 'secret',
    },
    store: { url: `sqlite://${stateDirectory}/usage.db` },
  };
  const variables = { STATE_DIRECTORY: stateDirectory, NODE_COMPILE_CACHE: compileCache };
  const { url, stop } = await startService(settings, variables, [launcher]);
  const authorization = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
  const response = await fetch(`${url}/auth_token`, { headers: { authorization } });
  if (response.status !== 200) throw new Error(`${launcher} refuses the sign-in with status ${response.status}`);
  const { auth_token } = (await response.json()) as { auth_token: string };
  return { url, stop, token: auth_token };
}

/** The fields of `/repositories` that belong to a snapshot and differ from crawl to crawl. */
export interface SnapshotFields {
  readonly snapshot: string;
  readonly timestamp: number;
  readonly started_at: string;
  readonly finished_at: string;
}

interface Root extends SnapshotFields {
  readonly tags_count: number;
  readonly complete: boolean;
}

/** Waits for a snapshot other than `former`, and checks that it is complete. */
export async function nextSnapshot(
  { url, token }: CheckoutService,
  tags: number,
  former?: string,
): Promise<SnapshotFields> {
  for (;;) {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${url}/repositories`, { headers });
    const root = (await response.json()) as Partial<Root>;
    if (response.status !== 200) throw new Error(`/repositories: status ${response.status}`);
    if (root.snapshot && root.snapshot !== former) {
      if (root.tags_count !== tags || !root.complete) throw new Error('the crawl is not complete');
      return root as Root;
    }
    await sleep(POLL_EVERY_MS);
  }
}

import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, freePort, startChild, startListening } from './child.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';
import type { LabTokenService } from './token-service.ts';

/** A Distribution registry: Debian's `docker-registry`, which is version 2.8, or another program of the kind. */
export interface LabRegistry {
  readonly url: string;
  /** The root directory of the storage driver. */
  readonly storageDirectory: string;
  /** Returns the log of the registry, with one line per request. */
  output(): string;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** Stops the registry and runs `garbage-collect -m`, which deletes untagged manifests and unreferenced blobs. */
  collectGarbage(): Promise<void>;
  /** Stops the registry and removes its storage. */
  remove(): Promise<void>;
}

export interface LabRegistryOptions {
  /** The path of another program than Debian's, such as Distribution 3. */
  readonly program?: string;
  /** The token service of the registry; without one, all clients have full access. */
  readonly tokens?: LabTokenService;
  /** Users for basic authentication instead: lines of `name:bcrypt-hash`. */
  readonly htpasswd?: string;
  /** Whether the registry logs each request, which costs a few percent of its speed. */
  readonly accessLog?: boolean;
  /** The storage directory of another registry; this one starts with a copy of it. */
  readonly copyOf?: string;
  /** The URL that receives a notification for each push, pull and deletion, and the secret that the registry sends with it. */
  readonly notifications?: { readonly url: string; readonly secret: string };
  /** The number of the only core that the registry uses, so that clients have the others, as if on another machine. */
  readonly core?: number;
  /** YAML to append to the configuration, such as a sample from the documentation. */
  readonly furtherYaml?: string;
}

/** Without this setting, Distribution 3 tries to send traces to a collector. */
const ENVIRONMENT = { ...process.env, OTEL_TRACES_EXPORTER: 'none' };

export function startRegistry(options: LabRegistryOptions = {}): Promise<LabRegistry> {
  return inNewDirectory('registry', (directory) => startRegistryIn(directory, options));
}

async function startRegistryIn(directory: string, options: LabRegistryOptions): Promise<LabRegistry> {
  const { program = 'docker-registry' } = options;
  const storageDirectory = join(directory, 'storage');
  const configFile = join(directory, 'config.yml');
  const port = await freePort();
  await writeFile(configFile, toYaml(registryConfig(port, storageDirectory, options)) + (options.furtherYaml ?? ''));
  if (options.htpasswd !== undefined) await writeFile(htpasswdFile(storageDirectory), options.htpasswd);
  if (options.copyOf !== undefined) await cp(options.copyOf, storageDirectory, { recursive: true });
  let child: Child | undefined;
  let earlierOutput = '';
  async function ended(): Promise<void> {
    earlierOutput += child?.output() ?? '';
    child = undefined;
  }
  const registry: LabRegistry = {
    url: `http://127.0.0.1:${port}`,
    storageDirectory,
    output: () => earlierOutput + (child?.output() ?? ''),
    async start() {
      if (child !== undefined) return;
      const command = [...(options.core === undefined ? [] : ['taskset', '-c', `${options.core}`]), program];
      const [first = '', ...parameters] = [...command, 'serve', configFile];
      child = await startListening(first, parameters, port, { env: ENVIRONMENT });
    },
    async stop() {
      await child?.stop();
      await ended();
    },
    async kill() {
      await child?.kill();
      await ended();
    },
    collectGarbage: () => registry.stop().then(() => collectGarbage(program, configFile)),
    async remove() {
      await registry.stop();
      await removeDirectory(directory);
    },
  };
  await registry.start();
  return registry;
}

async function collectGarbage(program: string, configFile: string): Promise<void> {
  const collector = startChild(program, ['garbage-collect', '-m', configFile], { env: ENVIRONMENT });
  const code = await collector.ended;
  if (code !== 0) throw new Error(`garbage-collect ended with ${code}:\n${collector.output()}`);
}

/** Returns YAML with one section per line. JSON is valid YAML. */
function toYaml(sections: object): string {
  return Object.entries(sections)
    .map(([name, section]) => `${name}: ${JSON.stringify(section)}\n`)
    .join('');
}

const htpasswdFile = (storageDirectory: string): string => `${storageDirectory}.htpasswd`;

function registryConfig(
  port: number,
  storageDirectory: string,
  { tokens, htpasswd, accessLog = true, notifications }: LabRegistryOptions,
): object {
  const basic = htpasswd !== undefined && { htpasswd: { realm: 'lab', path: htpasswdFile(storageDirectory) } };
  const auth = tokens && {
    token: {
      realm: tokens.realm,
      service: tokens.service,
      issuer: tokens.issuer,
      rootcertbundle: tokens.certificateFile,
    },
  };
  return {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: !accessLog } },
    storage: {
      filesystem: { rootdirectory: storageDirectory, maxthreads: 100 },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    compatibility: { schema1: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: 'lab' },
    validation: { manifests: { urls: { allow: ['^https?://'] } } },
    ...((auth || basic) && { auth: auth ?? basic }),
    ...(notifications && { notifications: { endpoints: [endpoint(notifications)] } }),
  };
}

function endpoint({ url, secret }: NonNullable<LabRegistryOptions['notifications']>): object {
  return { name: 'usage', url, headers: { Authorization: [secret] }, timeout: '1s', threshold: 5, backoff: '1s' };
}

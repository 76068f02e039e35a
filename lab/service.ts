import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, freePort, startListening } from './child.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** The service as an operator runs it: a process with a configuration file. */
export interface LabService {
  readonly url: string;
  readonly configFile: string;
  readonly child: Child;
  stop(): Promise<void>;
  /** Kills the process, to simulate a power failure, and removes its directory. */
  kill(): Promise<void>;
}

export type Settings = Readonly<Record<string, Readonly<Record<string, string | number>>>>;

/** Returns the settings as INI text. A literal `%` is doubled, because the service treats a single one as interpolation. */
export function toIni(settings: Settings): string {
  const sections = Object.entries(settings).map(([name, keys]) => {
    const lines = Object.entries(keys).map(([key, value]) => `${key} = ${String(value).replaceAll('%', '%%')}\n`);
    return `[${name}]\n${lines.join('')}`;
  });
  return sections.join('\n');
}

/** The options in the first line of `src/main.ts`. */
const NODE_OPTIONS = [
  '--disable-warning=ExperimentalWarning',
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
];

/** Returns the command that starts the service from its sources, or from another main file. */
export function serviceCommand(mainFile = new URL('../src/main.ts', import.meta.url).pathname) {
  return [process.execPath, ...NODE_OPTIONS, mainFile] as const;
}

export const SERVICE_COMMAND = serviceCommand();
/** The compile cache of the launcher: Node keeps compiled code there for the next start. */
const COMPILE_CACHE = new URL('../.node/compile-cache', import.meta.url).pathname;

/** @param variables environment variables, in addition to those of this process */
export function startService(
  settings: Settings,
  variables: NodeJS.ProcessEnv = {},
  [command, ...parameters]: readonly [string, ...string[]] = SERVICE_COMMAND,
): Promise<LabService> {
  return inNewDirectory('service', async (directory) => {
    const configFile = join(directory, 'service.conf');
    const port = Number(settings['general']?.['socket_port'] ?? (await freePort()));
    const text = toIni({
      ...settings,
      general: { ...settings['general'], socket_port: port },
      store: { url: `sqlite://${directory}/usage.db`, ...settings['store'] },
    });
    await writeFile(configFile, text, { mode: 0o600 });
    const child = await startListening(command, [...parameters, '-c', configFile], port, {
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, ...variables },
    });
    return {
      url: `http://127.0.0.1:${port}`,
      configFile,
      child,
      async stop() {
        await child.stop();
        await removeDirectory(directory);
      },
      async kill() {
        await child.kill();
        await removeDirectory(directory);
      },
    };
  });
}

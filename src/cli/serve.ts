import { statSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { compose, type Service } from '../compose.ts';
import type { Config } from '../config/config.ts';
import { DEFAULT_CONFIG_FILE, type LoadedConfig, loadConfig } from '../config/load-config.ts';
import { createLog, type Logger } from '../log/log.ts';
import { messageOf } from '../log/message.ts';
import type { Command, Host } from './command.ts';
import { PROGRAM } from './program-name.ts';

export const CONFIG_FILE_FLAGS: readonly string[] = ['-c', '--config-file'];

/** Runs the service until a signal ends it. */
export const SERVE: Command = {
  name: 'serve',
  addOptions: (program) =>
    program.option('-c, --config-file <file>', `the configuration file (default: ${DEFAULT_CONFIG_FILE})`),
  isSelected: () => true,
  async run({ configFile }, host) {
    const file: string = configFile ?? DEFAULT_CONFIG_FILE;
    const isDefaultFile = configFile === undefined;
    const load = (): LoadedConfig => loadConfig({ file, isDefaultFile, env: host.env });
    const loaded = load();
    if ('problems' in loaded) return fail(host, problemText(loaded.problems, isDefaultFile), EXIT_BAD_CONFIGURATION);
    await serve(host, loaded, () => (isPipe(file) ? { problems: [`${file}: a pipe cannot be read twice`] } : load()));
  },
};

type Loaded = Exclude<LoadedConfig, { problems: unknown }>;

const EXIT_FAILED = 1;
const EXIT_BAD_CONFIGURATION = 2;

/** The process ends this long after SIGTERM or SIGINT, even if something hangs. */
const STOP_TIMEOUT_MS = 4500;

/** The setting to name with an error, by the kind of the error. */
const SETTINGS: ReadonlyMap<unknown, string> = new Map([
  ['store', '[store] url: '],
  ['certificate', '[general] tls_certificate: '],
  ['accounts', ''], // the message names the setting
]);

/** @param reload reads the configuration again */
async function serve(host: Host, { config, origins, warnings }: Loaded, reload: () => LoadedConfig): Promise<void> {
  const { log, flush } = createLog({
    level: config.general.logLevel,
    isTerminal: host.isTerminal,
    noColor: Boolean(host.env['NO_COLOR']),
  });
  host.onExit(flush);
  log.debug({ version: host.version, node: process.version, origins }, 'settings');
  for (const warning of warnings) log.warn(warning);
  const service = composeOrFail(host, config, log);
  onHangup(host, config, log, () => reloadCertificate(service, reload(), log));
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return; // a supervisor may signal both the process and its group
    isStopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => host.exit(0), STOP_TIMEOUT_MS).unref();
    service.stop().then(
      () => host.exit(0),
      (error: unknown) => fail(host, `${PROGRAM}: ${messageOf(error)}\n`, EXIT_FAILED),
    );
  };
  host.onSignal('SIGTERM', () => stop('SIGTERM'));
  host.onSignal('SIGINT', () => stop('SIGINT'));
  try {
    await service.start();
    flushCompileCache(); // by default Node writes the cache at exit, and not at all if the process is killed
  } catch (error) {
    if (!isStopping) failToStart(host, config, error); // otherwise the stop interrupted the start
  }
}

/** SIGHUP means "reload" to a supervisor, and must not end the service. On a terminal it means that the user has gone, and ends it. */
function onHangup(host: Host, config: Config, log: Logger, reloadCertificate: () => void): void {
  if (config.http.tls !== undefined) host.onSignal('SIGHUP', reloadCertificate);
  else if (!host.isTerminal)
    host.onSignal('SIGHUP', () => log.info({ note: 'changed settings need a restart' }, 'nothing to reload'));
}

function composeOrFail(host: Host, config: Config, log: Logger): Service {
  try {
    return compose(config, host.version, log);
  } catch (error) {
    return failAtSetting(host, error);
  }
}

function failToStart(host: Host, { general: { host: address, port } }: Config, error: unknown): never {
  if (settingOf(error) !== undefined) return failAtSetting(host, error);
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  const reason = code === 'EADDRINUSE' ? 'another process uses this address' : message;
  const what = syscall === undefined ? '' : `cannot listen on ${address}, port ${port}: `;
  return fail(host, `${PROGRAM}: ${what}${reason}\n`, EXIT_FAILED);
}

function settingOf(error: unknown): string | undefined {
  return SETTINGS.get((error as { kind?: unknown }).kind);
}

function failAtSetting(host: Host, error: unknown): never {
  const lines = messageOf(error).split('\n');
  const text = lines.map((line) => `${PROGRAM}: ${settingOf(error) ?? ''}${line}\n`).join('');
  return fail(host, text, EXIT_FAILED);
}

/** A renewal replaces two files and then sends SIGHUP. If the two do not fit together, the old certificate stays in use. */
function reloadCertificate(service: Service, loaded: LoadedConfig, log: Logger): void {
  const problems = 'problems' in loaded ? loaded.problems : problemsOfRenewal(service, loaded.config);
  if (problems.length > 0) log.error({ problems }, 'certificate not reloaded');
  else log.info({ note: 'other changed settings need a restart' }, 'certificate reloaded');
  if ('config' in loaded) for (const warning of loaded.warnings) log.warn(warning);
}

function problemsOfRenewal(service: Service, config: Config): readonly string[] {
  if (config.http.tls === undefined) return ['[general] tls_certificate: turning TLS off needs a restart'];
  try {
    service.renewCertificate(config);
    return [];
  } catch (error) {
    return [`${settingOf(error) ?? ''}${messageOf(error)}`];
  }
}

/** A pipe can be read only once: reading it again would block the service until another process writes to it. */
function isPipe(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFIFO() ?? false;
}

function problemText(problems: readonly string[], isDefaultFile: boolean): string {
  const hint = isDefaultFile
    ? `${PROGRAM}: create ${DEFAULT_CONFIG_FILE}, or name another file with -c; --print-default-config prints one to start from\n`
    : '';
  return problems.map((problem) => `${problem}\n`).join('') + hint;
}

function fail(host: Host, text: string, exitCode: number): never {
  host.printError(text);
  return host.exit(exitCode);
}

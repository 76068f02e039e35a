#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=8 --no-allocation-site-pretenuring
// A small young generation: at 100,000 tags the process takes 100 MiB less, and no more time. Nothing is born old: in some starts V8 took what requests
// are made of for long-lived, and all that hung on it survived with it, at half the requests a second (bench/RESULTS.md).
import { readFileSync, statSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { DEFAULT_CONFIG_FILE, PROGRAM, parseArguments } from './cli/arguments.ts';
import { compose, type Service } from './compose.ts';
import type { Config } from './config/config.ts';
import { defaultConfigText } from './config/default-config.ts';
import { type LoadedConfig, loadConfig } from './config/load-config.ts';
import { createLog, type Logger } from './log/log.ts';

type Loaded = Exclude<LoadedConfig, { problems: unknown }>;

/** Within that time after SIGTERM or SIGINT the process is gone, whatever still hangs. */
const LONGEST_STOP_MS = 4500;

/** Where the operator has to look, by the kind of what went wrong. */
const PLACES: ReadonlyMap<unknown, string> = new Map([
  ['store', '[store] url: '],
  ['certificate', '[general] tls_certificate: '],
  ['accounts', ''], // the message says it
]);

// Who reads what we print may have gone, or have no room: that is for the exit code to say.
process.stdout.on('error', () => process.exit(1));
process.stderr.on('error', () => undefined);

const version = readVersion();
const invocation = parseArguments(process.argv.slice(2), version);
switch (invocation.command) {
  case 'print':
    process.stdout.write(invocation.text);
    break;
  case 'fail':
    fail(invocation.text, 2);
    break;
  case 'print-default-config':
    process.stdout.write(defaultConfigText());
    break;
  case 'serve': {
    const { configFile: file, isDefaultFile } = invocation;
    const load = (): LoadedConfig => loadConfig({ file, isDefaultFile, env: process.env });
    const loaded = load();
    if ('problems' in loaded) fail(configurationProblems(loaded.problems, isDefaultFile), 2);
    else await serve(loaded, () => (isPipe(file) ? { problems: [`${file}: cannot be read again`] } : load()));
  }
}

/** @param load reads the configuration again */
async function serve({ config, origins, warnings }: Loaded, load: () => LoadedConfig): Promise<void> {
  const isTerminal = process.stderr.isTTY === true;
  const { log, flush } = createLog({
    level: config.general.logLevel,
    isTerminal,
    noColor: Boolean(process.env['NO_COLOR']),
  });
  process.on('exit', flush);
  log.debug({ version, node: process.version, origins }, 'settings');
  for (const warning of warnings) log.warn(warning);
  const service = composeOrFail(config, log);
  if (config.front.tls !== undefined) process.on('SIGHUP', () => renewCertificate(service, load(), log));
  // From a supervisor it means "reload", and must not end the service; where a terminal hangs up, its user has gone, and so do we.
  else if (!isTerminal) process.on('SIGHUP', () => log.info('nothing to read again; other settings want a new start'));
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return; // a supervisor may signal the process and its group: once is meant
    isStopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(0), LONGEST_STOP_MS).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(`${PROGRAM}: ${String(error)}\n`, 1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    await service.start();
    flushCompileCache(); // else Node would write it at the end, and not at all where the process is killed
  } catch (error) {
    if (isStopping) return; // what was being started was stopped under way
    if (placeOf(error) !== undefined) return failAtPlace(error);
    const { code, message, syscall } = error as NodeJS.ErrnoException;
    const { host, port } = config.general;
    const reason = code === 'EADDRINUSE' ? 'something else listens there' : message;
    const what = syscall === undefined ? '' : `cannot listen on ${host}, port ${port}: `;
    fail(`${PROGRAM}: ${what}${reason}\n`, 1);
  }
}

function composeOrFail(config: Config, log: Logger): Service {
  try {
    return compose(config, version, log);
  } catch (error) {
    return failAtPlace(error);
  }
}

function placeOf(error: unknown): string | undefined {
  return PLACES.get((error as { kind?: unknown }).kind);
}

function failAtPlace(error: unknown): never {
  const lines = reasonOf(error).split('\n');
  return fail(lines.map((line) => `${PROGRAM}: ${placeOf(error) ?? ''}${line}\n`).join(''), 1);
}

/** Whoever renews a certificate writes two files, and tells us: what does not fit is told, and the old one stays. */
function renewCertificate(service: Service, loaded: LoadedConfig, log: Logger): void {
  const problems = 'problems' in loaded ? loaded.problems : renew(service, loaded.config);
  if (problems.length > 0) log.error({ problems }, 'the certificate stays as it is');
  else log.info('the certificate was read again; other settings want a new start');
  if ('config' in loaded) for (const warning of loaded.warnings) log.warn(warning);
}

function renew(service: Service, config: Config): readonly string[] {
  if (config.front.tls === undefined)
    return ['[general] tls_certificate: is not set any more, which wants a new start'];
  try {
    service.renewCertificate(config);
    return [];
  } catch (error) {
    return [`${placeOf(error) ?? ''}${reasonOf(error)}`];
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What can be read once: to read it again would wait for somebody who writes into it, and nobody would be answered meanwhile. */
function isPipe(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFIFO() ?? false;
}

function configurationProblems(problems: readonly string[], isDefaultFile: boolean): string {
  const hint = isDefaultFile
    ? `${PROGRAM}: write ${DEFAULT_CONFIG_FILE}, or name another file with -c; --print-default-config prints one to start from\n`
    : '';
  return problems.map((problem) => `${problem}\n`).join('') + hint;
}

/** Ends the process with a text for people and an exit code for scripts. */
function fail(text: string, exitCode: number): never {
  process.stderr.write(text);
  process.exit(exitCode);
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { version: unknown }).version);
}

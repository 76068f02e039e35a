#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=8
// A small young generation: at 100,000 tags the process takes 100 MiB less, and no more time (bench/RESULTS.md).
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { DEFAULT_CONFIG_FILE, PROGRAM, parseArguments } from './cli/arguments.ts';
import { createLog, type Logger } from './cli/log.ts';
import { compose, type Service } from './compose.ts';
import type { Config } from './config/config.ts';
import { defaultConfigText } from './config/default-config.ts';
import { loadConfig, type Origins } from './config/load-config.ts';

/** Within that time after SIGTERM or SIGINT the process is gone, whatever still hangs. */
const LONGEST_STOP_MS = 4500;

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
    const loaded = loadConfig({
      file: invocation.configFile,
      isDefaultFile: invocation.isDefaultFile,
      env: process.env,
    });
    if ('problems' in loaded) fail(configurationProblems(loaded.problems, invocation.isDefaultFile), 2);
    else await serve(loaded);
  }
}

interface Loaded {
  readonly config: Config;
  readonly origins: Origins;
}

async function serve({ config, origins }: Loaded): Promise<void> {
  const isTerminal = process.stderr.isTTY === true;
  const log = createLog({ level: config.general.logLevel, isTerminal, noColor: Boolean(process.env['NO_COLOR']) });
  log.debug({ version, node: process.version, origins }, 'settings');
  const service = composeOrFail(config, log);
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
    if ((error as { kind?: unknown }).kind === 'store') return failAtStore(error);
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
    return failAtStore(error);
  }
}

function failAtStore(error: unknown): never {
  return fail(`${PROGRAM}: [store] url: ${error instanceof Error ? error.message : String(error)}\n`, 1);
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

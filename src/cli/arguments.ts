import { Command, CommanderError } from 'commander';
import { lengthened } from './long-options.ts';

export const PROGRAM = 'gitlab-registry-usage-rest';
export const DEFAULT_CONFIG_FILE = '/etc/gitlab_registry_usage_rest.conf';

/** What the command line asks for. Texts end with a line end; `print` goes to stdout, `fail` to stderr. */
export type Invocation =
  | { readonly command: 'serve'; readonly configFile: string; readonly isDefaultFile: boolean }
  | { readonly command: 'print-default-config' }
  | { readonly command: 'print'; readonly text: string; readonly exitCode: 0 }
  | { readonly command: 'fail'; readonly text: string; readonly exitCode: 2 };

/**
 * Reads the arguments behind the program's name, as the first version of this service did: unambiguous beginnings of
 * long options count, `-V` beats `--print-default-config`, and what is wrong ends with exit code 2.
 */
export function parseArguments(argv: readonly string[], version: string): Invocation {
  const written = { out: '', error: '' };
  const program = describe(written);
  const long = program
    .createHelp()
    .visibleOptions(program)
    .flatMap((option) => option.long ?? []);
  const full = lengthened(argv, long, CONFIG_FILE_FLAGS);
  if ('wrong' in full) return failure(`${PROGRAM}: error: ${full.wrong}\n${HINT}\n`);
  try {
    program.parse(full.argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? { command: 'print', text: written.out, exitCode: 0 } : failure(written.error);
  }
  const { configFile, printDefaultConfig, version: isVersion } = program.opts<Options>();
  if (isVersion) return { command: 'print', text: `${PROGRAM}, version ${version}\n`, exitCode: 0 };
  if (printDefaultConfig) return { command: 'print-default-config' };
  return { command: 'serve', configFile: configFile ?? DEFAULT_CONFIG_FILE, isDefaultFile: configFile === undefined };
}

interface Options {
  readonly configFile?: string;
  readonly printDefaultConfig?: true;
  readonly version?: true;
}

const CONFIG_FILE_FLAGS: readonly string[] = ['-c', '--config-file'];
const HINT = `Try ${PROGRAM} --help.`;

/** The program without any effect: what it would write is collected, and where it would exit it throws. */
function describe(written: { out: string; error: string }): Command {
  return new Command(PROGRAM)
    .description('A RESTful web service that tells what uses the disk of a GitLab container registry.')
    .option('-c, --config-file <file>', `the configuration file (default: ${DEFAULT_CONFIG_FILE})`)
    .option('--print-default-config', 'print a commented configuration file to start from')
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError(HINT)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        written.out += text;
      },
      writeErr: (text) => {
        written.error += text;
      },
      outputError: (text, write) => write(`${PROGRAM}: ${text}`),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => 100,
    });
}

function failure(text: string): Invocation {
  return { command: 'fail', text, exitCode: 2 };
}

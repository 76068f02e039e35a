import { CommanderError, type OptionValues, Command as Program } from 'commander';
import type { Command } from './command.ts';
import { completeLongOptions } from './long-options.ts';
import { PRINT_DEFAULT_CONFIG } from './print-default-config.ts';
import { PRINT_VERSION } from './print-version.ts';
import { PROGRAM } from './program-name.ts';
import { CONFIG_FILE_FLAGS, SERVE } from './serve.ts';

/** Every command, in the order of precedence: `-V` beats `--print-default-config`, and without either the service runs. */
export const COMMANDS: readonly Command[] = [PRINT_VERSION, PRINT_DEFAULT_CONFIG, SERVE];

/** What the command line asks for. Texts end with a line feed. */
export type Invocation =
  | { readonly command: Command; readonly options: OptionValues }
  | { readonly help: string }
  | { readonly error: string };

/**
 * Parses the arguments after the program's name, as the original service did: long options may be abbreviated as long as they stay unambiguous.
 * It neither prints nor exits nor throws.
 */
export function parseArguments(argv: readonly string[], commands: readonly Command[] = COMMANDS): Invocation {
  const written = { out: '', error: '' };
  const program = createProgram(written, commands);
  const longOptions = program
    .createHelp()
    .visibleOptions(program)
    .flatMap((option) => option.long ?? []);
  const completed = completeLongOptions(argv, longOptions, CONFIG_FILE_FLAGS);
  if ('error' in completed) return { error: `${PROGRAM}: error: ${completed.error}\n${HINT}\n` };
  try {
    program.parse(completed.argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? { help: written.out } : { error: written.error };
  }
  const options = program.opts();
  return { command: commands.find(({ isSelected }) => isSelected(options)) ?? SERVE, options };
}

const HINT = `Try ${PROGRAM} --help.`;

/** Returns a parser without side effects: it collects its output in `written`, and throws where it would exit. */
function createProgram(written: { out: string; error: string }, commands: readonly Command[]): Program {
  const program = new Program(PROGRAM)
    .description('A RESTful web service that shows what uses the disk of a GitLab container registry.')
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
  for (const { addOptions } of commands.toReversed()) addOptions(program);
  return program;
}

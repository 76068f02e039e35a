import { parseArguments } from '../../src/cli/arguments.ts';

/** Parses command-line arguments. Returns the command by its name. */
export function invoke(...argv: readonly string[]) {
  const invocation = parseArguments(argv);
  return 'command' in invocation ? { ...invocation, command: invocation.command.name } : invocation;
}

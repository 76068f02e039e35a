import { parseArguments } from './arguments.ts';
import type { Host } from './command.ts';

/** Runs the command that the arguments ask for. Exit codes: 0 success, 1 failure, 2 wrong arguments or configuration. */
export async function run(argv: readonly string[], host: Host): Promise<void> {
  const invocation = parseArguments(argv);
  if ('help' in invocation) host.print(invocation.help);
  else if ('error' in invocation) {
    host.printError(invocation.error);
    host.exit(2);
  } else await invocation.command.run(invocation.options, host);
}

import type { Command } from './command.ts';
import { PROGRAM } from './program-name.ts';

export const PRINT_VERSION: Command = {
  name: 'print-version',
  addOptions: (program) => program.option('-V, --version', 'print the version'),
  isSelected: ({ version }) => version === true,
  run: (_, host) => host.print(`${PROGRAM}, version ${host.version}\n`),
};

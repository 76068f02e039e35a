import { defaultConfigText } from '../config/default-config.ts';
import type { Command } from './command.ts';

export const PRINT_DEFAULT_CONFIG: Command = {
  name: 'print-default-config',
  addOptions: (program) =>
    program.option('--print-default-config', 'print a commented configuration file to start from'),
  isSelected: ({ printDefaultConfig }) => printDefaultConfig === true,
  run: (_, host) => host.print(defaultConfigText()),
};

import type { OptionValues, Command as Program } from 'commander';

/** What a command may use of the process that it runs in. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Whether stderr is a terminal. */
  readonly isTerminal: boolean;
  print(text: string): void;
  printError(text: string): void;
  onSignal(signal: NodeJS.Signals, listener: () => void): void;
  onExit(listener: () => void): void;
  /** Ends the process at once. */
  exit(code: number): never;
}

/** A command of the program. `COMMANDS` (arguments.ts) lists them all. */
export interface Command {
  readonly name: string;
  /** Adds the options of this command to the command line. */
  addOptions(program: Program): void;
  /** Returns whether these options select this command. If several commands are selected, the first one in `COMMANDS` runs. */
  isSelected(options: OptionValues): boolean;
  run(options: OptionValues, host: Host): void | Promise<void>;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { noteChild } from './resources.ts';

/** What a program has printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** Reports a program that could not be started, or whose exit code was not 0. */
export class ProgramError extends Error implements Printed {
  override readonly name = 'ProgramError';
  /** The exit code; null if a signal ended the program. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: readonly string[], code: number | null, { stdout, stderr }: Printed) {
    super(`${command.join(' ')}: exit code ${code}\n${stderr}${stdout}`);
    this.code = code;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What the program reads from its standard input; nothing by default. */
  readonly input?: string;
  /** Whether the program gets a process group of its own, in which it has no terminal. True by default. */
  readonly isDetached?: boolean;
}

/** Runs a program to its end and returns what it has printed. Throws a `ProgramError` unless its exit code is 0. */
export async function run(
  command: string,
  parameters: readonly string[] = [],
  { input = '', isDetached = true, ...options }: RunOptions = {},
): Promise<Printed> {
  const child = spawn(command, parameters, { ...options, detached: isDetached });
  noteChild(child, isDetached);
  child.stdin.on('error', () => undefined); // the program may end without reading it
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new ProgramError([command, ...parameters], code, { stdout, stderr });
  return { stdout, stderr };
}

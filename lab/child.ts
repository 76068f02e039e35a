import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { noteChild } from './resources.ts';

/** A child process and its output. */
export interface Child {
  readonly pid: number;
  /** Returns the output so far, of both streams. */
  output(): string;
  /** Calls `listener` with all further output. */
  onOutput(listener: (text: string) => void): void;
  /** Resolves to the exit code when the process has ended; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Sends SIGTERM, and SIGKILL if the process does not end in time. */
  stop(): Promise<void>;
  /** Sends SIGKILL, to simulate a power failure. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
}

/* Generous limits: several test files run at the same time, on machines with other work. */
const LISTEN_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;

/** Starts a program in a process group of its own: Ctrl-C in a terminal does not reach it. */
export function startChild(command: string, parameters: readonly string[], options: ChildOptions = {}): Child {
  const process_ = spawn(command, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(options.env && { env: options.env }),
  });
  noteChild(process_, true);
  const chunks: string[] = [];
  for (const stream of [process_.stdout, process_.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  const ended = endOf(process_, chunks);
  return {
    pid: process_.pid ?? 0,
    output: () => chunks.join(''),
    onOutput(listener) {
      for (const stream of [process_.stdout, process_.stderr]) stream.on('data', listener);
    },
    ended,
    async stop() {
      process_.kill('SIGTERM');
      const killTimer = setTimeout(() => process_.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(killTimer);
    },
    async kill() {
      process_.kill('SIGKILL');
      await ended;
    },
  };
}

async function endOf(process_: ChildProcess, chunks: string[]): Promise<number | null> {
  try {
    const [code] = (await once(process_, 'close')) as [number | null];
    return code;
  } catch (error) {
    chunks.push(String(error)); // the program could not be started
    return 127;
  }
}

/** Starts a program and waits until it listens on `port` of 127.0.0.1. If it does not, stops it and throws an error with its output. */
export async function startListening(
  command: string,
  parameters: readonly string[],
  port: number,
  options: ChildOptions = {},
): Promise<Child> {
  const isTaken = await isListening(port); // by another program, so this one cannot listen there
  const child = startChild(command, parameters, options);
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  for (const deadline = Date.now() + LISTEN_TIMEOUT_MS; Date.now() < deadline && !hasEnded; await sleep(20)) {
    if (!isTaken && (await isListening(port))) return child;
  }
  await child.stop();
  throw new Error(`no program listens on port ${port}. Output of ${command}:\n${child.output()}`);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/* Below the ports that the kernel assigns by itself, so that no other process gets the port before it is used. */
const FIRST_PORT = 10_000;
const PORTS_COUNT = 22_000;

/** Returns a port of 127.0.0.1 that was free at the time of the call. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS_COUNT);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

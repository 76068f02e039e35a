import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { noteChild } from './resources.ts';

/** A program that we started, and its output. */
export interface Child {
  readonly pid: number;
  /** What it has printed so far, on both streams. */
  output(): string;
  /** Calls back with whatever it prints from now on. */
  onOutput(listener: (text: string) => void): void;
  /** Resolves to its exit code when it has ended; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Asks it to end, and insists after a while. */
  stop(): Promise<void>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
}

/* Generous, since several test files run at the same time on machines that have other work, too. */
const LISTENING_PATIENCE_MS = 120_000;
const STOPPING_PATIENCE_MS = 30_000;

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
      const insist = setTimeout(() => process_.kill('SIGKILL'), STOPPING_PATIENCE_MS);
      await ended;
      clearTimeout(insist);
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
    chunks.push(String(error)); // it could not even be started
    return 127;
  }
}

/** Starts a program that listens on that port of 127.0.0.1, and resolves when it does. Where it does not, it is ended, and its output thrown. */
export async function startListening(
  command: string,
  parameters: readonly string[],
  port: number,
  options: ChildOptions = {},
): Promise<Child> {
  const isTaken = await isListening(port); // by another one: then this one cannot
  const child = startChild(command, parameters, options);
  let hasEnded = false;
  void child.ended.then(() => {
    hasEnded = true;
  });
  for (const deadline = Date.now() + LISTENING_PATIENCE_MS; Date.now() < deadline && !hasEnded; await sleep(20)) {
    if (!isTaken && (await isListening(port))) return child;
  }
  await child.stop();
  throw new Error(`nothing listens on port ${port}; the program said:\n${child.output()}`);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/* Below those that the kernel gives to whoever asks for any port, and to outgoing connections: else somebody may get it before it is used. */
const FIRST_PORT = 10_000;
const PORTS_COUNT = 22_000;

/** A port of 127.0.0.1 that was free a moment ago, and is asked for by name only. */
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

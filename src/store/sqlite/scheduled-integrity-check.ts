import { type ChildProcess, fork } from 'node:child_process';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import { StoreError } from '../errors.ts';
import type { Database } from './database.ts';
import { findDamage } from './integrity-check.ts';
import type { CheckAnswer } from './integrity-check-process.ts';

/* SQLite checks a table in one call that cannot be interrupted and takes seconds for a large table. A second process does it, so that the service
 * answers requests meanwhile and can end the check at once. A worker thread could not be ended before its table is done (docs/adr/0021). */

export interface ScheduledIntegrityCheck {
  /** Checks the store; calls while a check is running share it. Throws a `StoreError` if the file is damaged or the check was ended. */
  run(): Promise<void>;
  /** Ends the running check, and prevents later ones. */
  end(): void;
}

export function createScheduledIntegrityCheck(database: Database): ScheduledIntegrityCheck {
  const ended = new AbortController();
  let running: Promise<void> | undefined;

  async function check(): Promise<void> {
    const answer = (await checkInProcess(database, ended.signal)) ?? (await checkHere(database, ended.signal));
    if (answer.reason !== undefined) throw new StoreError(answer.reason, database.file);
  }

  return {
    run() {
      running ??= check().finally(() => {
        running = undefined;
      });
      return running;
    },
    end: () => ended.abort(),
  };
}

/** Returns the answer of a second process; undefined if it cannot be started, or ends without an answer. */
async function checkInProcess(database: Database, ended: AbortSignal): Promise<CheckAnswer | undefined> {
  throwIfEnded(database, ended);
  const release = database.holdStill();
  if (release === undefined) return undefined;
  try {
    const child = start();
    return child && (await answerOf(child, resolve(database.file), ended));
  } finally {
    release();
    throwIfEnded(database, ended);
  }
}

/** Node reports most failures to start a process as an event, but throws a few: too little memory, or no permission. */
function start(): ChildProcess | undefined {
  try {
    // The process needs only the file. The environment of the service contains secrets.
    const child = fork(PROCESS_FILE, { env: {}, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    child.on('error', () => undefined); // `answerOf` listens too, if there is a process to listen to
    return child.connected ? child : undefined; // without file descriptors there is no channel either
  } catch {
    return undefined;
  }
}

async function answerOf(child: ChildProcess, file: string, ended: AbortSignal): Promise<CheckAnswer | undefined> {
  const kill = (): void => void child.kill('SIGKILL');
  ended.addEventListener('abort', kill);
  const answer = new Promise<CheckAnswer | undefined>((settle) => {
    child.once('message', (answer) => settle(answer as CheckAnswer));
    child.once('error', () => settle(undefined)).once('exit', () => settle(undefined));
    child.send(file, () => undefined); // if this fails, the process exits
  });
  try {
    return await answer;
  } finally {
    ended.removeEventListener('abort', kill);
  }
}

async function checkHere(database: Database, ended: AbortSignal): Promise<CheckAnswer> {
  const steps = findDamage((sql) => database.statement<object>(sql).all());
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return { reason: value };
    await yieldToEventLoop();
    throwIfEnded(database, ended);
  }
}

function throwIfEnded({ file }: Database, ended: AbortSignal): void {
  if (ended.aborted) throw new StoreError('the check of the store was ended', file);
}

/** A `.ts` file when the service runs from its sources, and a `.js` file after the build: the compiler rewrites only imports. */
const PROCESS_FILE = fileURLToPath(new URL(`./integrity-check-process${extname(import.meta.url)}`, import.meta.url));

import { type ChildProcess, fork } from 'node:child_process';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createYielder } from '../../lib/yielding.ts';
import { StoreError } from '../errors.ts';
import type { Database } from './database.ts';
import { findDamage } from './integrity-check.ts';
import type { CheckAnswer } from './integrity-check-process.ts';

/* SQLite checks a table in one go, which nothing interrupts, and a large one takes seconds. So it is done in another process: the service answers
 * meanwhile, and can end it at once. A thread could not be ended before its table is done, and the service with it (docs/adr/0021). */

export interface ScheduledIntegrityCheck {
  /** Throws a `StoreError` where the file is damaged, or the check was ended. */
  run(): Promise<void>;
  /** Ends it: it is not begun again. */
  end(): void;
}

export function createScheduledIntegrityCheck(database: Database): ScheduledIntegrityCheck {
  const ended = new AbortController();
  let running: Promise<void> | undefined;

  async function check(): Promise<void> {
    const answer = (await askApart(database, ended.signal)) ?? (await askHere(database, ended.signal));
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

/** What the other process says; undefined where there is none, or it ended without a word. */
async function askApart(database: Database, ended: AbortSignal): Promise<CheckAnswer | undefined> {
  refuseEnded(database, ended);
  const release = database.holdStill();
  if (release === undefined) return undefined;
  try {
    const child = start();
    return child && (await answerOf(child, resolve(database.file), ended));
  } finally {
    release();
    refuseEnded(database, ended);
  }
}

/** Most of what keeps a process from being started is told later, and some of it thrown at once: too little memory, or that we may not. */
function start(): ChildProcess | undefined {
  try {
    // It is to know nothing but the file: our environment holds secrets.
    return fork(PROCESS_FILE, { env: {}, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
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
    child.send(file, () => undefined); // a failure is followed by its end
  });
  try {
    return await answer;
  } finally {
    ended.removeEventListener('abort', kill);
  }
}

async function askHere(database: Database, ended: AbortSignal): Promise<CheckAnswer> {
  const yieldNow = createYielder(1);
  const steps = findDamage((sql) => database.statement<object>(sql).all());
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return { reason: value };
    await yieldNow();
    refuseEnded(database, ended);
  }
}

function refuseEnded({ file }: Database, ended: AbortSignal): void {
  if (ended.aborted) throw new StoreError('the check of the store was ended', file);
}

/** As TypeScript here, and as JavaScript where it was built: nothing rewrites what is no import. */
const PROCESS_FILE = fileURLToPath(new URL(`./integrity-check-process${extname(import.meta.url)}`, import.meta.url));

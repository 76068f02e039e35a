import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PasswordAnswer, PasswordQuestion } from './password-worker.ts';

/** Holds passwords against hashes, one after the other, in a thread of its own. */
export interface PasswordChecker {
  /** Throws a `BusyError` where too many wait already, and another where it cannot be found out. */
  isRight(password: string, hash: string): Promise<boolean>;
  /** Ends the thread: whoever waits gets an error. */
  stop(): Promise<void>;
}

/** More passwords are to be checked than can be in any time that is worth waiting for. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
  readonly kind = 'busy';

  constructor() {
    super('too many passwords wait to be checked');
  }
}

/** With the dearest hashes that are let in, they wait for half a minute. */
const MOST_WAITING = 32;

interface Waiting {
  resolve(isRight: boolean): void;
  reject(error: Error): void;
}

export function createPasswordChecker(mostWaiting = MOST_WAITING): PasswordChecker {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  function answer({ id, isRight }: PasswordAnswer): void {
    const one = waiting.get(id);
    waiting.delete(id);
    if (isRight === undefined) one?.reject(new Error(NOT_CHECKED));
    else one?.resolve(isRight);
    if (waiting.size === 0) worker?.unref();
  }

  function giveUp(): void {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new Error(NOT_CHECKED));
    waiting.clear();
  }

  /** The thread is there from the first question on, and again after a failure. It keeps the process alive only as long as somebody waits. */
  function thread(): Worker {
    worker ??= new Worker(WORKER_FILE).on('message', answer).on('error', giveUp).on('exit', giveUp);
    worker.ref();
    return worker;
  }

  return {
    isRight(password, hash) {
      if (waiting.size >= mostWaiting) return Promise.reject(new BusyError());
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        thread().postMessage({ id, password, hash } satisfies PasswordQuestion);
      });
    },
    async stop() {
      await worker?.terminate();
    },
  };
}

const NOT_CHECKED = 'a password could not be checked';
/** As TypeScript here, and as JavaScript where it was built: nothing rewrites what is no import. */
const WORKER_FILE = new URL(`./password-worker${extname(import.meta.url)}`, import.meta.url);

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { CheckedPassword, PasswordToCheck } from './password-worker.ts';

/** Compares passwords with hashes, one after another, in a thread of its own. */
export interface PasswordChecker {
  /** Throws a `BusyError` if too many passwords wait already, and another error if the comparison fails. */
  matches(password: string, hash: string): Promise<boolean>;
  /** Ends the thread. Passwords that wait are rejected with an error. */
  stop(): Promise<void>;
}

/** More passwords wait to be checked than can be checked in a reasonable time. */
export class BusyError extends Error {
  override readonly name = 'BusyError';
  readonly kind = 'busy';

  constructor() {
    super('too many passwords wait to be checked');
  }
}

/** With the most expensive hashes that are accepted, the last one waits for half a minute. */
const MAX_WAITING = 32;

interface Waiting {
  resolve(isMatch: boolean): void;
  reject(error: Error): void;
}

export function createPasswordChecker(maxWaiting = MAX_WAITING): PasswordChecker {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let lastId = 0;

  function settle({ id, isMatch }: CheckedPassword): void {
    const caller = waiting.get(id);
    waiting.delete(id);
    if (isMatch === undefined) caller?.reject(new Error(NOT_CHECKED));
    else caller?.resolve(isMatch);
    if (waiting.size === 0) worker?.unref();
  }

  function rejectAll(): void {
    worker = undefined;
    for (const { reject } of waiting.values()) reject(new Error(NOT_CHECKED));
    waiting.clear();
  }

  /** Starts the thread for the first password, and again after a failure. It keeps the process alive only while passwords wait. */
  function thread(): Worker {
    worker ??= new Worker(WORKER_FILE).on('message', settle).on('error', rejectAll).on('exit', rejectAll);
    worker.ref();
    return worker;
  }

  return {
    matches(password, hash) {
      if (waiting.size >= maxWaiting) return Promise.reject(new BusyError());
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        try {
          thread().postMessage({ id, password, hash } satisfies PasswordToCheck);
        } catch {
          settle({ id, isMatch: undefined }); // too few file descriptors or too little memory for a thread
        }
      });
    },
    async stop() {
      await worker?.terminate();
    },
  };
}

const NOT_CHECKED = 'the password could not be checked';
/** TypeScript in the sources, and JavaScript in the package: the build rewrites only the extensions of imports. */
const WORKER_FILE = new URL(`./password-worker${extname(import.meta.url)}`, import.meta.url);

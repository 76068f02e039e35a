import { parentPort } from 'node:worker_threads';
import { argon2Verify, bcryptVerify } from 'hash-wasm';
import { createSerialQueue } from '../lib/serial-queue.ts';

/* The thread in which passwords are held against hashes: each takes as long as its owner of the file wanted, and the service goes on meanwhile. */

export interface PasswordQuestion {
  readonly id: number;
  readonly password: string;
  /** Of bcrypt or Argon2, as `parseHtpasswd` lets them through. */
  readonly hash: string;
}

/** `isRight` is undefined where it could not be found out. */
export interface PasswordAnswer {
  readonly id: number;
  readonly isRight: boolean | undefined;
}

/** bcrypt looks at so many bytes; whoever makes such hashes cuts off the others without a word. */
const BCRYPT_BYTES = 72;

// One at a time: several at once would take no less time, and more memory.
const inOrder = createSerialQueue();

parentPort?.on('message', (question: PasswordQuestion) => {
  void inOrder(async () => parentPort?.postMessage(await answer(question)));
});

async function answer({ id, password, hash }: PasswordQuestion): Promise<PasswordAnswer> {
  try {
    return { id, isRight: await isRight(Buffer.from(password), hash) };
  } catch {
    return { id, isRight: undefined }; // for want of memory, most likely: the reason is nobody's who signs in
  }
}

function isRight(password: Buffer, hash: string): Promise<boolean> {
  if (hash.startsWith('$argon2')) return argon2Verify({ password, hash });
  return bcryptVerify({ password: password.subarray(0, BCRYPT_BYTES), hash });
}

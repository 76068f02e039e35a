import { parentPort } from 'node:worker_threads';
import { argon2Verify, bcryptVerify } from 'hash-wasm';
import { createSerialQueue } from '../lib/serial-queue.ts';

/* The thread that compares passwords with hashes. A comparison is slow on purpose, and the service handles other requests meanwhile. */

export interface PasswordToCheck {
  readonly id: number;
  readonly password: string;
  /** A bcrypt or Argon2 hash that `parseHtpasswd` has accepted. */
  readonly hash: string;
}

export interface CheckedPassword {
  readonly id: number;
  /** Undefined if the comparison failed. */
  readonly isMatch: boolean | undefined;
}

/** bcrypt uses 72 bytes of a password. Programs that make such hashes cut the rest off silently. */
const BCRYPT_BYTES = 72;

// One at a time: several at once would take no less time, and more memory.
const inOrder = createSerialQueue();

parentPort?.on('message', (question: PasswordToCheck) => {
  void inOrder(async () => parentPort?.postMessage(await check(question)));
});

async function check({ id, password, hash }: PasswordToCheck): Promise<CheckedPassword> {
  try {
    return { id, isMatch: await matches(Buffer.from(password), hash) };
  } catch {
    return { id, isMatch: undefined }; // most likely too little memory: the user need not know
  }
}

function matches(password: Buffer, hash: string): Promise<boolean> {
  if (hash.startsWith('$argon2')) return argon2Verify({ password, hash });
  return bcryptVerify({ password: password.subarray(0, BCRYPT_BYTES), hash });
}

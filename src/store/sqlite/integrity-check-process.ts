import { runToEnd } from '../../lib/resumable.ts';
import { openUntouched } from './database-file.ts';
import { findDamage } from './integrity-check.ts';
import { toStoreError } from './sqlite-error.ts';

/* The process that checks a store while the service runs. It receives a path as its only message, and answers with one. */

export interface CheckAnswer {
  /** The damage; undefined if the store is intact. */
  readonly reason: string | undefined;
}

// A signal to the process group is meant for the service, which then ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.once('message', (file: string) => {
  process.send?.(check(file), undefined, undefined, () => process.disconnect());
});

function check(file: string): CheckAnswer {
  try {
    const database = openUntouched(file);
    try {
      return { reason: runToEnd(findDamage((sql) => database.prepare(sql).all())) };
    } finally {
      database.close();
    }
  } catch (error) {
    return { reason: toStoreError(error, file).reason };
  }
}

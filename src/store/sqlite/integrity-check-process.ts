import { toStoreError } from '../errors.ts';
import { openUntouched } from './database-file.ts';
import { findDamage } from './integrity-check.ts';

/* The process in which a store is checked, while the service goes on. It is told a path, and answers once. */

export interface CheckAnswer {
  /** What is wrong; undefined where nothing is. */
  readonly reason: string | undefined;
}

// Who signals our whole group means the service, which ends us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.once('message', (file: string) => {
  process.send?.(check(file), undefined, undefined, () => process.disconnect());
});

function check(file: string): CheckAnswer {
  try {
    const database = openUntouched(file);
    try {
      const steps = findDamage((sql) => database.prepare(sql).all());
      for (;;) {
        const { done, value } = steps.next();
        if (done === true) return { reason: value };
      }
    } finally {
      database.close();
    }
  } catch (error) {
    return { reason: toStoreError(error, file).reason };
  }
}

/** No directory server gave an answer. The message names the kind of each failure, and neither users nor passwords. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';

  constructor(failures: readonly unknown[]) {
    super(`no directory server answered: ${failures.map(kindOf).join('; ')}`, { cause: failures });
  }
}

function kindOf(failure: unknown): string {
  if (!(failure instanceof Error)) return 'unknown error';
  const { code } = failure as NodeJS.ErrnoException;
  return code === undefined || typeof code === 'number' ? failure.constructor.name : String(code);
}

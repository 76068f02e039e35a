import { expect, test } from 'vitest';
import { run } from '../../lab/run.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';

const PROGRAM = new URL('../support/out-of-descriptors.ts', import.meta.url).pathname;

test('checks the store and passwords again once there are file descriptors again', async () => {
  await inNewDirectory('descriptors', async (directory) => {
    const command = `ulimit -n 64 && exec "${process.execPath}" --disable-warning=ExperimentalWarning "${PROGRAM}" "${directory}/usage.db"`;
    const { stdout } = await run('sh', ['-c', command]);
    const { during, after } = JSON.parse(stdout) as { during: string[]; after: string[] };
    // The store is checked in the process itself. A password cannot be checked, and the sixth attempt is not refused because five others wait.
    expect(new Set(during)).toEqual(new Set(['undefined', 'failed: the password could not be checked']));
    expect(after).toEqual(['undefined', 'true']);
    await removeDirectory(directory);
  });
});

import { execFile } from 'node:child_process';
import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = new URL('..', import.meta.url).pathname;

/**
 * What `npm pack` makes of this checkout, as a file in that directory, which is empty before. The sources are compiled there, too: several who pack
 * at once do not meet.
 */
export async function packInto(directory: string): Promise<string> {
  const copied = join(directory, 'package');
  const { files } = (await import('../package.json', { with: { type: 'json' } })).default;
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files.filter((file) => file !== 'dist')])
    await cp(join(ROOT, name), join(copied, name), { recursive: true });
  const compile = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(copied, 'dist')];
  await run(join(ROOT, 'node_modules/.bin/tsc'), compile, { cwd: ROOT });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: copied });
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return join(directory, tarball);
}

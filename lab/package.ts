import { execFile } from 'node:child_process';
import { cp, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = new URL('..', import.meta.url).pathname;

/** What goes into the package, or is compiled for it. */
const NEEDED = ['package.json', 'README.md', 'LICENSE', 'bin', 'man', 'src', 'tsconfig.json', 'tsconfig.build.json'];

/**
 * What `npm pack` makes of this checkout, as a file in that directory, which is empty before. It runs in a copy, and compiles the sources there: several
 * who pack at once do not meet.
 */
export async function packInto(directory: string): Promise<string> {
  const copied = join(directory, 'package');
  for (const name of NEEDED) await cp(join(ROOT, name), join(copied, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copied, 'node_modules'));
  await run('npm', ['pack', '--pack-destination', directory], { cwd: copied });
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return join(directory, tarball);
}

import { cp, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

const ROOT = new URL('..', import.meta.url).pathname;

/** The files that go into the package or are compiled for it. */
const NEEDED = [
  'package.json',
  'openapi.json',
  'README.md',
  'LICENSE',
  'bin',
  'man',
  'src',
  'tsconfig.json',
  'tsconfig.build.json',
];

/**
 * Runs `npm pack` for this checkout and returns the path of the tarball in `directory`, which must be empty. The command compiles a copy of the
 * sources, so several tests can pack at the same time.
 */
export async function packInto(directory: string): Promise<string> {
  const copied = join(directory, 'package');
  for (const name of NEEDED) await cp(join(ROOT, name), join(copied, name), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copied, 'node_modules'));
  await run('npm', ['pack', '--pack-destination', directory], { cwd: copied });
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack created no tarball');
  return join(directory, tarball);
}

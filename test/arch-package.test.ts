import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packInto } from '../lab/package.ts';
import { inNewDirectory, removeDirectory } from '../lab/temporary.ts';

/* The Arch package. There is no makepkg on Debian: as makepkg does, bash reads the PKGBUILD and runs its package() below fakeroot, on the tarball
 * that npm makes of this checkout. */

const run = promisify(execFile);
const ROOT = new URL('..', import.meta.url).pathname;
const ARCH = join(ROOT, 'packaging/arch');
const NAME = 'gitlab-registry-usage-rest';

let directory: string;
let srcdir: string;
let pkgdir: string;
/** A line for every file, directory and link: type, mode, owner, group and path. */
let entries: readonly { type: string; mode: number; owner: string; path: string }[];

/** Runs bash where the PKGBUILD has been read, with the Node of the tests first in the path, and nothing of npm's that our own npm has set. */
async function inBash(script: string, fakeroot = false): Promise<string> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(?:registry|userconfig)$)/.test(name)),
  );
  const lines = `set -eu; srcdir=$1 pkgdir=$2; cd "$srcdir"; . '${ARCH}/PKGBUILD'; ${script}`;
  const command = ['bash', '-c', lines, 'bash', srcdir, pkgdir];
  const [program = '', ...parameters] = fakeroot ? ['fakeroot', '--', ...command] : command;
  const { stdout } = await run(program, parameters, { env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

beforeAll(async () => {
  await run(join(ROOT, 'scripts/install-debian-packages'), ['systemd:systemd-analyze', 'fakeroot']);
  directory = await inNewDirectory('arch', async (made) => made);
  [srcdir, pkgdir] = [join(directory, 'src'), join(directory, 'pkg')];
  const packed = join(directory, 'packed');
  await Promise.all([srcdir, pkgdir, packed].map((made) => mkdir(made)));
  const tarball = await packInto(packed);
  await copyFile(tarball, join(srcdir, basename(tarball)));
  await copyFile(join(ROOT, `packaging/${NAME}.service`), join(srcdir, `${NAME}.service`));
  const found = await inBash(`umask 022; package >&2; find "$pkgdir" -printf '%y %m %u:%g %P\\n'`, true);
  entries = found
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [type = '', mode = '', owner = '', ...path] = line.split(' ');
      return { type, mode: Number.parseInt(mode, 8), owner, path: path.join(' ') };
    });
});

afterAll(() => removeDirectory(directory));

/** All elements of an array of bash. */
const all = (array: string): string => `"$\{${array}[@]}"`;
const entry = (path: string) => entries.find((one) => one.path === path);

test('bash reads it, its version is that of package.json, and its sources are the tarball and the unit', async () => {
  await run('bash', ['-n', join(ARCH, 'PKGBUILD')]);
  await run('bash', ['-n', join(ARCH, `${NAME}.install`)]);
  const { version, engines, license } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const [depends, licenses, sources, sums] = ['depends', 'license', 'source', 'sha256sums'].map(all);
  const print = `printf '%s\\n' "$_version" "$pkgver" ${depends} ${licenses} ${sources} ${sums}`;
  const printed = (await inBash(print)).trimEnd().split('\n');
  expect(printed).toEqual([
    version,
    version.replace('-', ''), // no hyphen may be in it
    `nodejs${engines.node}`,
    license,
    `https://registry.npmjs.org/${NAME}/-/${NAME}-${version}.tgz`,
    `${NAME}.service`,
    'SKIP',
    'SKIP',
  ]);
});

test('the program in it runs', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const { stdout } = await run(join(pkgdir, 'usr/bin', NAME), ['--version']);
  expect(stdout).toBe(`${NAME}, version ${version}\n`);
});

test('it brings the licence, the unit, and the man page that the tarball has', async () => {
  expect(entry(`usr/share/licenses/${NAME}/LICENSE`)).toMatchObject({ type: 'f', mode: 0o644 });
  expect(entry(`usr/lib/systemd/system/${NAME}.service`)).toMatchObject({ type: 'f', mode: 0o644 });
  const isInTarball = entry(`usr/lib/node_modules/${NAME}/man/${NAME}.1`) !== undefined;
  expect(entry(`usr/share/man/man1/${NAME}.1`)?.type).toBe(isInTarball ? 'f' : undefined);
});

test('systemd has nothing to say of the unit with the program of the package', async () => {
  const unit = await readFile(join(pkgdir, `usr/lib/systemd/system/${NAME}.service`), 'utf8');
  const copy = join(directory, `${NAME}.service`);
  await writeFile(copy, unit.replace(/^ExecStart=/m, `ExecStart=${pkgdir}/usr/bin/`));
  const { stderr } = await run('systemd-analyze', ['verify', '--man=no', copy]);
  expect(stderr).toBe('');
});

test('the example configuration is for root alone, is kept at an upgrade, and holds only placeholders', async () => {
  const path = 'etc/gitlab_registry_usage_rest.conf';
  expect(await inBash(`printf '%s' ${all('backup')}`)).toBe(path);
  expect(entry(path)).toMatchObject({ type: 'f', mode: 0o600 });
  const failure = await run(join(pkgdir, 'usr/bin', NAME), ['-c', join(pkgdir, path)]).catch((error) => error);
  expect(failure.code).toBe(2);
  const problems = failure.stderr.trimEnd().split('\n');
  for (const line of problems) expect(line).toContain('is still the placeholder');
  expect(failure.stderr).toMatch(/\[jwt\] secret_key: /);
});

test('all of it is root’s, and nobody else may write to any of it', () => {
  expect(entries.length).toBeGreaterThan(500);
  expect(entries.filter(({ owner }) => owner !== 'root:root')).toEqual([]);
  expect(entries.filter(({ type, mode }) => type !== 'l' && (mode & 0o022) !== 0)).toEqual([]);
  expect(entries.filter(({ path, mode }) => path.startsWith('usr/') && (mode & 0o444) !== 0o444)).toEqual([]);
});

test('nothing in it tells where it was built, and no link leads out of it', async () => {
  const named = await inBash(
    `grep -rlF -e "$srcdir" -e "$pkgdir" "$pkgdir" || true; find "$pkgdir" -type l -printf '%l\\n' | grep -F "${directory}" || true`,
  );
  expect(named).toBe('');
  expect(await inBash(`find "$pkgdir" -xtype l; find "$pkgdir" -lname '/*'`)).toBe('');
});

import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, startListening } from '../../lab/child.ts';
import { packInto } from '../../lab/package.ts';
import { run } from '../../lab/run.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import manifest from '../../package.json' with { type: 'json' };
import { GOOD } from '../support/config-sample.ts';
import { installDebianPackages } from '../support/debian-packages.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Builds the Arch package with Debian's makepkg, and installs it with Debian's pacman. The tarball that the PKGBUILD would download is packed from this
 * checkout. pacman runs in fakeroot, installs into temporary directories, and does not run the scriptlet, which needs a whole system. */

const ROOT = new URL('../..', import.meta.url).pathname;
const NAME = 'gitlab-registry-usage-rest';
const VERSION = manifest.version.replace('-', ''); // a pacman version must not contain a hyphen
const CONFIG = 'etc/gitlab_registry_usage_rest.conf';
const TARBALL = `${NAME}-${manifest.version}.tgz`;
/** makepkg refuses to run as root, so root becomes `nobody` but keeps access to all files: the checkout, npm's settings, the temporary directory. */
const NOBODY = '--reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override';
const AS_BUILDER = process.getuid?.() === 0 ? ['setpriv', ...NOBODY.split(' ')] : [];
const IN_ENGLISH = { LC_ALL: 'C.UTF-8' };

interface Entry {
  readonly type: string;
  readonly mode: number;
  readonly owner: string;
  readonly path: string;
}

let directory: string;
/** The directory of the PKGBUILD and the files that it uses. */
let sources: string;
/** The output of makepkg, and the package that it built. */
let makepkgOutput: string;
let archPackage: string;
/** The directory that pacman has installed the package into, and its files. */
let root: string;
let entries: readonly Entry[];

beforeAll(async () => {
  const tools = ['makepkg', 'pacman-package-manager:pacman', 'libarchive-tools:bsdtar'];
  await installDebianPackages(...tools);
  directory = await inNewDirectory('arch', async (made) => made);
  sources = await copySources('sources');
  const packed = join(directory, 'packed');
  await mkdir(packed);
  const tarball = await packInto(packed);
  await rename(tarball, join(sources, basename(tarball)));
  makepkgOutput = await makepkg(sources, '--nodeps', '--noprogressbar');
  archPackage = packageIn(sources, VERSION);
  root = await emptyRoot('root');
  entries = await install(archPackage, root);
});

afterAll(() => removeDirectory(directory));

/** Returns a new directory with the files that the AUR contains. */
async function copySources(name: string): Promise<string> {
  const made = join(directory, name);
  await mkdir(made);
  for (const file of ['arch/PKGBUILD', `arch/${NAME}.install`, `${NAME}.service`])
    await copyFile(join(ROOT, 'packaging', file), join(made, basename(file)));
  return made;
}

/** Runs makepkg without the variables that npm has set for this process. Returns both of its output streams. */
async function makepkg(where: string, ...parameters: readonly string[]): Promise<string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?!config_(?:registry|userconfig)$)/.test(name),
  );
  const ours = { BUILDDIR: where, PKGDEST: where, SRCDEST: where, PKGEXT: '.pkg.tar.zst', ...IN_ENGLISH };
  const [command = '', ...rest] = [...AS_BUILDER, 'makepkg', ...parameters];
  const env = { ...Object.fromEntries(inherited), ...ours };
  const { stdout, stderr } = await run(command, rest, { cwd: where, env });
  return stdout + stderr;
}

const packageIn = (where: string, version: string): string => join(where, `${NAME}-${version}-1-any.pkg.tar.zst`);

async function emptyRoot(name: string): Promise<string> {
  await mkdir(join(directory, name, 'var/lib/pacman'), { recursive: true });
  return join(directory, name);
}

/** Installs the package into that root in fakeroot, and checks that pacman finds every file unchanged. Returns the installed files. */
async function install(file: string, into: string, node = '22.19.0'): Promise<readonly Entry[]> {
  const script = `
    pacman --root "$1" --config /dev/null --noconfirm --noprogressbar --noscriptlet --assume-installed "nodejs=$3" -U "$2" >&2
    [[ $(pacman --root "$1" --config /dev/null -Qkk) == *' 0 altered files' ]]
    cd "$1" && find . -path ./var -prune -o -printf '%y %m %u:%g %P\\n'`;
  const found = await run('fakeroot', ['--', 'bash', '-eo', 'pipefail', '-c', script, 'bash', into, file, node], {
    env: { ...process.env, ...IN_ENGLISH },
  });
  return found.stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [type = '', mode = '', owner = '', ...path] = line.split(' ');
      return { type, mode: Number.parseInt(mode, 8), owner, path: path.join(' ') };
    });
}

const program = (): string => join(root, 'usr/bin', NAME);
const entry = (path: string) => entries.find((one) => one.path === path);
/** Returns the content of a file in the package. */
const member = async (name: string): Promise<string> => (await run('bsdtar', ['-xOf', archPackage, name])).stdout;

test('builds from the local tarball without unexpected warnings', () => {
  expect(makepkgOutput).toContain(`Found ${TARBALL}\n`);
  // makepkg would also warn about a file that contains the build directory.
  expect(makepkgOutput.match(/(?:WARNING|ERROR): .*/g)).toEqual(['WARNING: Skipping dependency checks.']);
});

test('has the expected metadata', async () => {
  const lines = (await member('.PKGINFO')).split('\n').filter((line) => !/^(?:#|builddate|packager|size|$)/.test(line));
  expect(lines).toEqual([
    `pkgname = ${NAME}`,
    `pkgbase = ${NAME}`,
    `pkgver = ${VERSION}-1`,
    expect.stringMatching(/^pkgdesc = ./),
    `url = https://www.npmjs.com/package/${NAME}`,
    'arch = any',
    `license = ${manifest.license}`,
    'conflict = python-gitlab-registry-usage-rest',
    `backup = ${CONFIG}`,
    `depend = nodejs${manifest.engines.node}`,
    'makedepend = npm',
  ]);
});

test('.SRCINFO equals the output of makepkg, and its first source is the npm package', async () => {
  const committed = await readFile(join(ROOT, 'packaging/arch/.SRCINFO'), 'utf8');
  expect(committed).toBe(await makepkg(sources, '--printsrcinfo'));
  expect(committed).toContain(`\tsource = https://registry.npmjs.org/${NAME}/-/${TARBALL}\n`);
});

test('pacman considers a pre-release older than the release', async () => {
  const { stdout } = await run('vercmp', [VERSION, manifest.version.replace(/-.*/, '')]);
  expect(stdout.trim()).toBe(manifest.version.includes('-') ? '-1' : '0');
});

test('requires the same Node version as the program', async () => {
  const failure = await install(archPackage, await emptyRoot('old-node'), '22.18.0').catch((error) => error);
  expect(failure.stderr).toContain(`unable to satisfy dependency 'nodejs${manifest.engines.node}'`);
});

test('installs a program that runs', async () => {
  const { stdout } = await run(program(), ['--version']);
  expect(stdout).toBe(`${NAME}, version ${manifest.version}\n`);
});

test('installs the program, its licence, its man page, the unit and the configuration, and nothing else', async () => {
  const files = entries.filter(({ type, path }) => type !== 'd' && !path.startsWith(`usr/lib/node_modules/${NAME}/`));
  expect(files.map(({ type, mode, path }) => `${type} ${mode.toString(8)} ${path}`).sort()).toEqual([
    `f 600 ${CONFIG}`,
    `f 644 usr/lib/systemd/system/${NAME}.service`,
    `f 644 usr/share/licenses/${NAME}/LICENSE`,
    `f 644 usr/share/man/man1/${NAME}.1.gz`,
    `l 777 usr/bin/${NAME}`,
  ]);
  const unit = (where: string) => readFile(join(where, `${NAME}.service`), 'utf8');
  expect(await unit(join(root, 'usr/lib/systemd/system'))).toBe(await unit(join(ROOT, 'packaging')));
  expect((await run('find', [root, '-xtype', 'l', '-o', '-lname', '/*'])).stdout).toBe('');
});

test('installs files of root that all users can read and only root can write', () => {
  expect(entries.length).toBeGreaterThan(500);
  expect(entries.filter(({ owner }) => owner !== 'root:root')).toEqual([]);
  expect(entries.filter(({ type, mode }) => type !== 'l' && (mode & 0o022) !== 0)).toEqual([]);
  expect(entries.filter(({ path, mode }) => path.startsWith('usr') && (mode & 0o444) !== 0o444)).toEqual([]);
  expect(entry(CONFIG)?.mode).toBe(0o600);
});

test('installs a configuration with placeholders, and a scriptlet that names it', async () => {
  const failure = await run(program(), ['-c', join(root, CONFIG)]).catch((error) => error);
  expect(failure.code).toBe(2);
  const problems = failure.stderr.trimEnd().split('\n');
  for (const line of problems) expect(line).toContain('is still the placeholder');
  expect(failure.stderr).toMatch(/\[jwt\] secret_key: /);
  const { stdout } = await run('bash', ['-euc', `${await member('.INSTALL')}\npost_install ${VERSION}-1`]);
  expect(stdout).toContain(`placeholders in /${CONFIG} `);
  expect(stdout).toContain(`systemctl enable --now ${NAME}\n`);
});

test('keeps a changed configuration on upgrade, adds the new one as .pacnew, and starts with the old one', async () => {
  const older = await copySources('older');
  const pkgbuild = await readFile(join(older, 'PKGBUILD'), 'utf8');
  const [head] = pkgbuild.replace(/^_version=.*/m, '_version=0.9.0').split('package() {');
  const onlyConfig = `package() { install -Dm600 /dev/stdin "$pkgdir/${CONFIG}" <<< '# of the release before'; }\n`;
  await writeFile(join(older, 'PKGBUILD'), `${head}source=(); noextract=(); sha256sums=()\n${onlyConfig}`);
  await makepkg(older, '--nodeps');
  const upgraded = await emptyRoot('upgraded');
  await install(packageIn(older, '0.9.0'), upgraded);

  const port = await freePort();
  const mine = GOOD.replace('8080', String(port)).concat(`[store]\nurl = sqlite://${directory}/usage.db\n`);
  await writeFile(join(upgraded, CONFIG), mine);
  const after = await install(archPackage, upgraded);
  expect(await readFile(join(upgraded, CONFIG), 'utf8')).toBe(mine);
  expect(await readFile(join(upgraded, `${CONFIG}.pacnew`), 'utf8')).toBe(await readFile(join(root, CONFIG), 'utf8'));
  expect(after.find(({ path }) => path === `${CONFIG}.pacnew`)?.mode).toBe(0o600);

  const service = await startListening(join(upgraded, 'usr/bin', NAME), ['-c', join(upgraded, CONFIG)], port);
  try {
    expect((await fetch(`http://127.0.0.1:${port}/health/live`)).status).toBe(200);
  } finally {
    await service.stop();
  }
});

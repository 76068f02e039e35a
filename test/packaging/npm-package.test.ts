import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pushSampleContent } from '../../lab/content.ts';
import { packInto } from '../../lab/package.ts';
import { createPusher } from '../../lab/push.ts';
import { startRegistry } from '../../lab/registry.ts';
import { type ProgramError, run } from '../../lab/run.ts';
import { startService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import manifest from '../../package.json' with { type: 'json' };
import { GOOD, PREFIX, written } from '../support/config-sample.ts';
import { pages } from '../support/documentation.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';
import { basic, waitForLog } from '../support/whole-lab.ts';

setSlowTimeLimits();

/* The npm package as an operator installs it: packed by `npm pack`, and installed into an empty directory with only node and npm in PATH. */

const PROGRAM = 'gitlab-registry-usage-rest';
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const MIGRATING = readFileSync(new URL('../../MIGRATING.md', import.meta.url), 'utf8');
const MAN_PAGE = new URL(`../../man/${PROGRAM}.1`, import.meta.url).pathname;

let folder: string;
let tarball: string;
/** The prefix, and the directory of the installed package. */
let prefix: string;
let installed: string;
let program: string;
/** The PATH, which contains only this Node and npm. */
let path: string;

beforeAll(async () => {
  folder = await inNewDirectory('npm-package', async (made) => made);
  path = await inPath('path', { node: process.execPath, npm: await whereNpmIs() });
  await mkdir(join(folder, 'packed'));
  tarball = await packInto(join(folder, 'packed'));
  prefix = join(folder, 'prefix');
  await mkdir(prefix);
  await install(prefix);
  installed = join(prefix, 'lib/node_modules', PROGRAM);
  program = join(prefix, 'bin', PROGRAM);
});

afterAll(() => removeDirectory(folder));

/** Creates a directory with symbolic links of these names. */
async function inPath(name: string, links: Record<string, string>): Promise<string> {
  await mkdir(join(folder, name));
  for (const [link, target] of Object.entries(links)) await symlink(target, join(folder, name, link));
  return join(folder, name);
}

async function whereNpmIs(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'command -v npm']);
  return realpath(stdout.trim());
}

interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the installed program. */
function start(parameters: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<Ending> {
  return run(program, parameters, { env: { ...process.env, PATH: path, ...variables } }).then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    ({ code, stdout, stderr }: ProgramError) => ({ exitCode: Number(code), stdout, stderr }),
  );
}

/** Installs another Node version from npm. Returns a directory that contains only a link to it. */
async function nodeOf(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const where = join(folder, version);
  await mkdir(where);
  const options = ['--no-save', '--no-audit', '--no-fund', '--engine-strict=false', '--prefix', where];
  await run('npm', ['install', ...options, `${name}@${version}`], { cwd: where });
  return inPath(`only-${version}`, { node: join(where, 'node_modules', name, 'bin/node') });
}

/** Installs the package globally with that directory as the prefix. */
function install(into: string): Promise<unknown> {
  const options = [
    '--global',
    '--prefix',
    into,
    '--ignore-scripts=false',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  return run(join(path, 'npm'), ['install', ...options, tarball], { cwd: folder, env: { ...process.env, PATH: path } });
}

describe('the package', () => {
  test('contains the compiled sources and the documented files, and nothing else', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball]);
    const files = stdout.trim().split('\n').sort();
    const compiled = files.filter((file) => file.startsWith('package/dist/'));
    expect(files.filter((file) => !compiled.includes(file))).toEqual([
      'package/LICENSE',
      'package/README.md',
      `package/bin/${PROGRAM}.js`,
      `package/man/${PROGRAM}.1`,
      'package/openapi.json',
      'package/package.json',
    ]);
    const sources = readdirSync(new URL('../../src', import.meta.url), { recursive: true, encoding: 'utf8' });
    const expected = sources.flatMap((file) => (file.endsWith('.ts') ? `package/dist/${file.slice(0, -2)}js` : []));
    expect(compiled).toEqual(expected.sort());
  });

  test('has the size and the number of dependencies that the README states', () => {
    const documented = /a package of (\d+) kB with (\d+) production dependencies, (\d+) in all/.exec(README)?.slice(1);
    const [kilobytes = 0, direct, total] = documented?.map(Number) ?? [];
    // A tolerance of 5 %, so that not every new sentence changes the README.
    expect(Math.abs(statSync(tarball).size / 1000 / kilobytes - 1), `${statSync(tarball).size}`).toBeLessThan(0.05);
    expect([direct, total]).toEqual([Object.keys(manifest.dependencies).length, production().length]);
  });

  test('has dependencies of exact versions, none of which has an install script', () => {
    for (const [name, version] of Object.entries(manifest.dependencies))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    expect(production().filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([]);
    expect(Object.keys(manifest.scripts)).not.toEqual(expect.arrayContaining([expect.stringMatching(HOOK)]));
  });

  test('installs with the command of the README, without native modules or install scripts', () => {
    expect(README).toContain('npm install --global "./$(npm pack --silent)"\n');
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.node$|(?:^|\/)binding\.gyp$/.test(file))).toEqual([]);
    const manifests = files.filter((file) => /(?:^|node_modules\/(?:@[^/]+\/)?[^/@]+\/)package\.json$/.test(file));
    expect(manifests.length).toBeGreaterThan(80);
    for (const file of manifests) {
      const { scripts = {} } = JSON.parse(readFileSync(join(installed, file), 'utf8')) as { scripts?: object };
      expect(
        Object.keys(scripts).filter((name) => HOOK.test(name)),
        file,
      ).toEqual([]);
    }
  });

  test('does not replace a program that pip installed, and can be installed into another directory', async () => {
    const beside = join(folder, 'beside');
    await mkdir(join(beside, 'bin'), { recursive: true });
    const python = '#!/usr/bin/python3\n# made by pip\n';
    await writeFile(join(beside, 'bin', PROGRAM), python, { mode: 0o755 });
    const { stderr } = await install(beside).then(
      () => ({ stderr: 'npm has installed it' }),
      (error: Output) => error,
    );
    const [code] = /`(E[A-Z]+)`/.exec(MIGRATING)?.slice(1) ?? [];
    expect(stderr).toContain(`npm error code ${code}\n`);
    expect(stderr).toContain(join(beside, 'bin', PROGRAM));
    expect(readFileSync(join(beside, 'bin', PROGRAM), 'utf8')).toBe(python);
    const own = join(beside, 'opt', PROGRAM);
    await install(own);
    expect(
      (await run(join(own, 'bin', PROGRAM), ['--version'], { env: { ...process.env, PATH: path } })).stdout,
    ).toContain(manifest.version);
    expect(readFileSync(join(beside, 'bin', PROGRAM), 'utf8')).toBe(python);
  });

  test('exports only its package.json', async () => {
    const importing = (name: string, type: string) =>
      run(process.execPath, ['-e', `import('${name}', { with: ${type} }).catch(({ code }) => console.log(code))`], {
        cwd: installed,
      });
    expect((await importing(PROGRAM, '{}')).stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n');
    expect((await importing(`${PROGRAM}/package.json`, '{ type: "json" }')).stdout).toBe('');
  });
});

/** The scripts that npm runs when it installs a package. */
const HOOK = /^(?:pre|post)?install$/;

/** Returns the production packages of package-lock.json with their paths. */
function production(): [string, Locked][] {
  const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, Locked> };
  return Object.entries(packages).filter(([place, { dev, devOptional }]) => place !== '' && !dev && !devOptional);
}

interface Locked {
  readonly dev?: true;
  readonly devOptional?: true;
  readonly hasInstallScript?: true;
}

describe('the installed program', () => {
  test('starts Node with the flags of src/main.ts, except those that old versions do not know', () => {
    const flags = (file: string) => readFileSync(file, 'utf8').split('\n')[0]?.split(' ').slice(3);
    const all = flags(new URL('../../src/main.ts', import.meta.url).pathname) ?? [];
    expect(all.length).toBeGreaterThan(1);
    expect(flags(program)).toEqual(all.filter((flag) => !flag.startsWith('--disable-warning=')));
  });

  test('prints its version, its options and a configuration', async () => {
    const version = await start(['--version']);
    expect(version).toEqual({ exitCode: 0, stdout: `${PROGRAM}, version ${manifest.version}\n`, stderr: '' });
    expect(await start(['--help'])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Usage:'),
      stderr: '',
    });
    const printed = await start(['--print-default-config']);
    expect(printed).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\[general\]$/m), stderr: '' });
  });

  test('reads a registry, and serves its figures and the documentation page', async () => {
    const registry = await startRegistry();
    const accounts = join(folder, 'accounts');
    // bcrypt of `secret`
    await writeFile(accounts, 'alice:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n', { mode: 0o600 });
    try {
      await pushSampleContent(createPusher(registry));
      const settings = {
        auth: { methods: 'htpasswd', htpasswd_file: accounts },
        jwt: { secret_key: 'the secret key of this run: at least 32 bytes' },
        registry: { registry_base_url: `${registry.url}/`, discovery: 'catalog' },
      };
      const service = await startService(settings, { PATH: path }, ['/usr/bin/env', program]);
      try {
        await waitForLog(service, 'crawl finished');
        const get = (at: string, headers = {}) => fetch(`${service.url}${at}`, { headers });
        for (const probe of ['live', 'ready']) expect((await get(`/health/${probe}`)).status, probe).toBe(200);
        const { auth_token } = (await (await get('/auth_token', basic('alice', 'secret'))).json()) as {
          auth_token: string;
        };
        const authorization = `Bearer ${auth_token}`;
        const repositories = await (await get('/repositories?embed=true', { authorization })).text();
        expect(repositories).toContain('"name":"group/app"');
        const page = await (await get('/docs')).text();
        const assets = [...page.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, asset = '']) => asset);
        expect(assets.length).toBeGreaterThanOrEqual(3);
        for (const asset of assets) {
          const answer = await fetch(new URL(asset, `${service.url}/docs`));
          expect([answer.status, (await answer.text()).length > 100], asset).toEqual([200, true]);
        }
      } finally {
        await service.stop();
      }
      expect(await service.child.ended).toBe(0);
      for (const line of service.child.output().trimEnd().split('\n')) expect(line).toMatch(/^\{.*\}$/);
    } finally {
      await registry.remove();
    }
  });

  test('exits with 1 and one line on a Node version that is too old', async () => {
    // Debian 12 contains Node 18.
    const PATH = await nodeOf('18.20.8');
    for (const parameters of [[], ['--version']]) {
      const { exitCode, stdout, stderr } = await start(parameters, { PATH });
      expect([exitCode, stdout]).toEqual([1, '']);
      const needed = manifest.engines.node.slice('>='.length).replace(/\.0$/, '');
      const node = join(PATH, 'node');
      expect(stderr).toBe(
        `${PROGRAM}: Node ${needed} or later is required, but ${await realpath(node)} is version 18.20.8\n`,
      );
    }
  });

  test('runs on the oldest supported Node version, without its warning about SQLite', async () => {
    const PATH = await nodeOf(manifest.engines.node.slice('>='.length));
    expect(await start(['--version'], { PATH })).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('the man page', () => {
  test('is installed where man finds it if npm installs man pages, and passes mandoc’s lint', async () => {
    const { stdout: npm } = await run('npm', ['--version']);
    const linked = join(prefix, 'share/man/man1', `${PROGRAM}.1`);
    const page = Number.parseInt(npm, 10) < 12 ? linked : join(installed, 'man', `${PROGRAM}.1`);
    expect(readFileSync(page, 'utf8')).toBe(readFileSync(MAN_PAGE, 'utf8'));
    // The pages that it refers to are not installed on every machine.
    const { stdout, stderr } = await run('mandoc', ['-T', 'lint', page]).catch((error: Output) => error);
    const lines = `${stdout}${stderr}`.trim().split('\n');
    expect(lines.filter((line) => !/^$|mandoc\.db lacks|referenced manual not found/.test(line))).toEqual([]);
  });

  test('lists the options in the words of --help, and all exit codes', async () => {
    const text = await rendered();
    const { stdout: help } = await start(['--help']);
    const options = between(text, 'The options are:', 'A long option');
    expect(options).toBe(inOneLine(help.split('Options:\n')[1]?.replaceAll(/[<>]/g, '') ?? ''));
    const codes = between(text, 'EXIT STATUS', 'SIGNALS').match(/(?<=^|\. )\d(?= )/g);
    const unusable = start(['-c', written(GOOD, 'man-page.conf')], { [`${PREFIX}STORE_URL`]: 'sqlite:/tmp' });
    const endings = await Promise.all([start(['--help']), unusable, start(['--nonsense'])]);
    expect(endings.map(({ exitCode }) => `${exitCode}`)).toEqual(codes);
  });

  test('shows the command of the README and the files that the program uses', async () => {
    const examples = between(await rendered(), 'EXAMPLES', 'The API of');
    const blocks = pages().flatMap((page) => page.blocks);
    const { commands = ['no block'] } = blocks.find(({ name }) => name === 'README.md, Use it') ?? {};
    expect(examples).toContain(commands.join(' '));
    const files = between(await rendered(), 'FILES', 'EXIT STATUS');
    const store = /^# url = sqlite:\/\/(\/\S+)$/m.exec((await start(['--print-default-config'])).stdout)?.[1];
    const configuration = /default: (\S+)\)/.exec((await start(['--help'])).stdout)?.[1];
    for (const file of [configuration, store]) expect(files).toContain(`${file} `);
    expect(README).toContain(`\`${store?.replace(/\/[^/]*$/, '')}\``);
  });
});

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** A character and a backspace, with which mandoc prints bold and underlined text. */
const OVERSTRUCK = new RegExp(`.${String.fromCharCode(8)}`, 'g');

/** Returns the man page as plain text. */
async function rendered(): Promise<string> {
  const { stdout } = await run('mandoc', ['-T', 'ascii', '-O', 'width=200', MAN_PAGE]);
  return stdout.replaceAll(OVERSTRUCK, '');
}

const between = (text: string, from: string, to: string) => inOneLine(text.split(from)[1]?.split(to)[0] ?? '');
const inOneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();

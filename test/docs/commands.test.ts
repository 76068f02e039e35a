import { readFileSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, freePort, startListening } from '../../lab/child.ts';
import { pushSampleContent } from '../../lab/content.ts';
import { startDirectory, VALID_GID } from '../../lab/directory.ts';
import { createPusher } from '../../lab/push.ts';
import { startRegistry } from '../../lab/registry.ts';
import { run } from '../../lab/run.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { startTokenService } from '../../lab/token-service.ts';
import { type Block, pages, ROOT } from '../support/documentation.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';

setSlowTimeLimits();

/* Runs every command of the documentation unchanged, except for names, ports and passwords, unless another test runs it or the page says that it
 * needs the reader's own servers. */

const PAGES = pages();
const ACCESS_TOKEN = 'the-access-token';
const EVENTS_SECRET = 'replace-this-by-a-long-secret'; // as in docs/notifications.md
const PATIENCE_MS = 120_000;

/** Commands that another file runs, with that file. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  './run-demo': 'test/system/demo.test.ts',
  './run-tests': '.ci/run',
  'npm test': 'run-tests',
};

/** Commands for developers that take too long or download too much for a test, with the reason. */
const BY_HAND: Readonly<Record<string, string>> = {
  'scripts/with-node npm run test:unit': 'runs a part of what ./run-tests runs',
  'scripts/with-node npm run bench': 'measures for a long time, on an otherwise idle machine',
  'scripts/fuzz-with-prism': 'downloads 200 packages, and then runs test/api/openapi/prism.test.ts',
};

type Check = (stdout: string, block: Block) => void | Promise<void>;

/** A check of the result of each block, by its name. One shell runs all commands of a block. */
const BLOCKS: Readonly<Record<string, Check>> = {
  'README.md, Use it (2)'(stdout) {
    const { timestamp, _embedded } = JSON.parse(stdout);
    expect(timestamp).toBeGreaterThan(1_700_000_000);
    const shown = JSON.parse(
      /(?<=^```json\n).*?(?=^```)/ms.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[0] ?? '',
    );
    expect(_embedded.items).toContainEqual(expect.objectContaining(shown));
  },
  'docs/accounts.md, Sign in'(stdout, { answers }) {
    expect(Object.keys(JSON.parse(stdout))).toEqual(Object.keys(JSON.parse(answers[0] ?? '')));
  },
  async 'docs/accounts.md, Create accounts in a file'() {
    const file = join(directory, 'gitlab_registry_usage_rest.htpasswd');
    expect(await readFile(file, 'utf8')).toMatch(/^alice:\$2y\$12\$\S+\n$/);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  },
  async "docs/accounts.md, End a user's tokens"() {
    const text = await readFile(join(directory, 'gitlab_registry_usage_rest.not-before'), 'utf8');
    expect(text).toMatch(/^alice \d{10}\n\* \d{10}\n$/);
  },
  'docs/api.md, Make a first request'(stdout) {
    const { per_page, _embedded } = JSON.parse(stdout);
    expect(per_page).toBe(1);
    expect(_embedded.items).toEqual([expect.objectContaining({ disk_size: expect.any(Number) })]);
  },
  'docs/collections.md, Ask for part of a collection'(stdout) {
    expect(stdout).toMatch(/^\{.*"per_page":10.*\}\s*name,size,disk_size,/);
    expect(stdout).toMatch(/^group\/app,\d+,/m);
    expect(stdout).toMatch(/^\{"repository":"group\/app",/m);
  },
  'docs/notifications.md, Check that notifications arrive'(stdout) {
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
  },
  'docs/operations.md, Check the proxy'(stdout) {
    expect(stdout.match(/"name":"group\/app"/g)).toHaveLength(2);
  },
  'docs/operations.md, Find out what is wrong'(stdout) {
    for (const part of ['{"status":"ready"', '\nregistry_usage_tags ', '"state":"', '"gaps_count":'])
      expect(stdout).toContain(part);
  },
  async 'MIGRATING.md, Move over'() {
    const [copy, original] = ['.conf.python', '.conf'].map((end) =>
      join(directory, `gitlab_registry_usage_rest${end}`),
    );
    expect(await readFile(copy ?? '', 'utf8')).toBe(await readFile(original ?? '', 'utf8'));
  },
  'MIGRATING.md, Move over (4)'(stdout) {
    expect(Object.keys(JSON.parse(stdout))).toContain('auth_token');
  },
  'MIGRATING.md, Move over (5)'(stdout) {
    expect(JSON.parse(stdout)).toMatchObject({ status: 'ready' });
  },
  async 'MIGRATING.md, Move over (6)'(stdout) {
    expect(JSON.parse(await readFile(join(directory, 'now.json'), 'utf8'))._embedded.items.length).toBeGreaterThan(10);
    expect(stdout).toBe(''); // no difference, because both requests read the same service
  },
};

/** Blocks that install the program from a checkout. They run first, in a copy of this checkout, and install into temporary directories. */
const INSTALLATIONS = ['README.md, Install it', 'MIGRATING.md, Move over (2)'] as const;

/** Blocks whose last command is a service that keeps running. They run next, in this order; the blocks above send requests to these services. */
const SERVICES = ['README.md, Use it', 'MIGRATING.md, Move over (3)'] as const;
const OTHERS: readonly string[] = [...INSTALLATIONS, ...SERVICES];

/** The command that runs the program in a checkout, without an installation. */
const IN_A_CHECKOUT = './gitlab-registry-usage-rest';

/** The expected output of each command in backticks. */
const INLINE: Readonly<Record<string, RegExp>> = {
  'date +%s': /^\d{10}\n$/,
  'openssl rand -hex 32': /^[0-9a-f]{64}\n$/,
  'htpasswd -B': /^alice:\$2y\$05\$/, // a cost of 5, as the page says
  'htpasswd -B -C 12 FILE NAME': /^$/,
  'gitlab-registry-usage-rest --print-default-config': /^\[general\]$/m,
  'scripts/with-node npx vitest run test/NAME': /Tests .*passed/,
  'scripts/with-node npm run format': /Checked \d+ files/,
  'scripts/with-node npm run generate': /^$|tools/,
};

/** Commands that restore a file, with a file that the test changes first. */
const MENDS: Readonly<Record<string, string>> = {
  'scripts/with-node npm run format': 'src/main.ts',
  'scripts/with-node npm run generate': 'docs/configuration.md',
};

let directory: string;
/** A copy of this checkout. */
let checkout: string;
let token: string;
const ports = { '5000': 0, '5001': 0 };
/** In the order in which they were started. */
const services: Child[] = [];
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  directory = await inNewDirectory('documentation', async (made) => made);
  cleanups.push(() => removeDirectory(directory));
  const tokens = await startTokenService([{ username: 'root', accessToken: ACCESS_TOKEN, isAdmin: true }]);
  cleanups.push(tokens.stop);
  const people = await startDirectory();
  cleanups.push(people.remove);
  const registry = await startRegistry({ tokens });
  cleanups.push(registry.remove);
  await pushSampleContent(createPusher(registry, tokens));
  for (const port of ['5000', '5001'] as const) ports[port] = await freePort();
  await makeCheckout();
  await mkdir(join(directory, 'beside'));
  for (const name of INSTALLATIONS) await shell(real(blockNamed(name).commands.join('\n')), checkout);
  await makeEditor([
    ['general', 'socket_port', `${ports['5000']}`],
    ['ldap', 'host', people.ldapsUrl],
    ['ldap', 'base_dn', people.baseDn],
    ['ldap', 'valid_gid', VALID_GID],
    ['ldap', 'ca_file', people.caFile],
    ['registry', 'gitlab_base_url', tokens.url],
    ['registry', 'registry_base_url', registry.url],
    ['registry', 'access_token', ACCESS_TOKEN],
    ['events', 'secret', EVENTS_SECRET],
  ]);
  await startAsDocumented(SERVICES[0], ports['5000']);
  // The reader of MIGRATING.md already has this file. A service that runs beside another one has a store of its own.
  await cp(join(directory, 'my.conf'), join(directory, 'gitlab_registry_usage_rest.conf'));
  await startAsDocumented(SERVICES[1], ports['5001'], { cwd: join(directory, 'beside') });
  const { stdout } = await shell(`curl -s -u alice:alice-secret http://127.0.0.1:${ports['5000']}/auth_token`);
  token = JSON.parse(stdout).auth_token;
});

afterAll(async () => {
  for (const child of services) await child.stop();
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Copies the checkout without the installed packages, so that an installation in the copy cannot change them. */
async function makeCheckout(): Promise<void> {
  checkout = await inNewDirectory('checkout', async (made) => made);
  cleanups.push(() => removeDirectory(checkout));
  const isLeftOut = (path: string): boolean => /^(?:\.git|\.node|node_modules|dist|data|.*\.tgz)(?:\/|$)/.test(path);
  await cp(ROOT, checkout, { recursive: true, filter: (path) => !isLeftOut(path.slice(ROOT.length)) });
}

/** Creates an editor that sets these keys, also those that are commented out. */
async function makeEditor(values: readonly (readonly [string, string, string])[]): Promise<void> {
  const script = `import { readFileSync, writeFileSync } from 'node:fs';
    const [, , file] = process.argv;
    let section = '';
    const left = new Map(${JSON.stringify(values.map(([section, key, value]) => [`${section}.${key}`, value]))});
    const lines = readFileSync(file, 'utf8').split('\\n').map((line) => {
      section = /^\\[(.*)\\]$/.exec(line)?.[1] ?? section;
      const name = \`\${section}.\${/^(?:# )?(\\w+) =/.exec(line)?.[1]}\`;
      const value = left.get(name);
      return left.delete(name) ? \`\${name.slice(section.length + 1)} = \${value}\` : line;
    });
    if (left.size > 0) throw new Error(\`not in the file: \${[...left.keys()]}\`);
    writeFileSync(file, lines.join('\\n'));`;
  await writeFile(join(directory, 'editor.mjs'), script);
  await writeFile(join(directory, 'vi'), `#!/bin/sh\nexec ${process.execPath} ${directory}/editor.mjs "$@"\n`);
  await chmod(join(directory, 'vi'), 0o755);
}

/** The environment of the reader's shell. EDITOR is not set, so that `vi` is the editor. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${directory}:${directory}/prefix/bin:${dirname(process.execPath)}:${process.env['PATH']}`,
  EDITOR: undefined,
  npm_config_prefix: join(directory, 'prefix'),
  NODE_COMPILE_CACHE: `${ROOT}.node/compile-cache`,
  token,
  url: `http://127.0.0.1:${ports['5000']}`,
});

/** Replaces the names, ports and passwords of the documentation by those of the lab. */
function real(text: string): string {
  return text
    .replace(/http:\/\/127\.0\.0\.1:(5000|5001)/g, (_, port: '5000' | '5001') => `http://127.0.0.1:${ports[port]}`)
    .replaceAll('_SOCKET_PORT=5001', `_SOCKET_PORT=${ports['5001']}`)
    .replaceAll('https://usage.example.com', `http://127.0.0.1:${ports['5000']}`)
    .replaceAll('/opt/', `${directory}/opt/`)
    .replaceAll('/etc/gitlab_registry_usage_rest', join(directory, 'gitlab_registry_usage_rest'))
    .replaceAll('-u alice ', '-u alice:alice-secret ')
    .replace(/my-group(%2F|\/)my-project/g, 'group$1app')
    .replaceAll('root:usage', '"$(id -u):$(id -g)"')
    .replace(/^htpasswd (.*)$/m, 'echo alice-secret | htpasswd -i $1');
}

function shell(script: string, cwd = directory): Promise<{ stdout: string; stderr: string }> {
  return run('sh', ['-euc', `umask 022\n${script}`], { cwd, env: environment() });
}

function blockNamed(name: string): Block {
  const found = PAGES.flatMap(({ blocks }) => blocks).find((block) => block.name === name);
  if (found === undefined) throw new Error(`the documentation contains no block ${name}`);
  return found;
}

interface Start {
  /** The working directory, by default `directory`. */
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Replaces the name of the program in the commands. */
  readonly program?: string;
}

/**
 * Runs the commands of a block, the last of which is a service, and waits for its first crawl. An installed service stores its data below its working
 * directory, because other tests on this machine share the default path.
 */
async function startAsDocumented(
  name: string,
  port: number,
  { cwd = directory, env, program }: Start = {},
): Promise<void> {
  const written = blockNamed(name).commands.map(real);
  const commands = program
    ? written.map((line) => line.replace(/(?<=^|; )gitlab-registry-usage-rest/g, program))
    : written;
  const last = commands.pop() ?? '';
  if (commands.length > 0) await shell(commands.join('\n'), cwd);
  const all = { ...environment(), ...(env ?? { STATE_DIRECTORY: join(cwd, 'state') }) };
  const child = await startListening('sh', ['-euc', `cd ${cwd}; exec env ${last}`], port, { env: all });
  services.push(child);
  for (const until = Date.now() + PATIENCE_MS; !child.output().includes('"crawl finished"'); await sleep(50))
    if (Date.now() > until) throw new Error(`no crawl has finished:\n${child.output()}`);
}

const ALL_BLOCKS = PAGES.flatMap(({ blocks }) => blocks).filter(({ isForReadersOnly }) => !isForReadersOnly);
const ALL_INLINE = PAGES.flatMap(({ inline }) => inline).filter(({ isForReadersOnly }) => !isForReadersOnly);
const isElsewhere = ({ commands }: Block): boolean => commands.every((command) => command in ELSEWHERE);

test('every documented command is run by a test, or needs the reader’s own servers', () => {
  const known = (block: Block): boolean => block.name in BLOCKS || OTHERS.includes(block.name) || isElsewhere(block);
  expect
    .soft(ALL_BLOCKS.filter((block) => !known(block)).map(({ name, commands }) => ({ name, commands })))
    .toEqual([]);
  const isKnown = (command: string): boolean =>
    command === IN_A_CHECKOUT || [INLINE, ELSEWHERE, BY_HAND].some((table) => command in table);
  expect(ALL_INLINE.filter(({ command }) => !isKnown(command))).toEqual([]);
});

test('the tables contain only documented commands', () => {
  const blocks = new Set(ALL_BLOCKS.map(({ name }) => name));
  expect([...Object.keys(BLOCKS), ...OTHERS].filter((name) => !blocks.has(name))).toEqual([]);
  const commands = new Set([
    ...ALL_INLINE.map(({ command }) => command),
    ...ALL_BLOCKS.flatMap((block) => block.commands),
  ]);
  const known = [INLINE, ELSEWHERE, BY_HAND].flatMap((table) => Object.keys(table));
  expect([IN_A_CHECKOUT, ...known].filter((command) => !commands.has(command))).toEqual([]);
});

test.for(Object.entries(ELSEWHERE))('%s is run by %s', async ([command, file]) => {
  expect(await readFile(join(ROOT, file), 'utf8')).toContain(command);
});

describe('the blocks', () => {
  test.for(ALL_BLOCKS.filter(({ name }) => name in BLOCKS))('$name', async (block) => {
    const { stdout } = await shell(real(block.commands.join('\n')));
    await BLOCKS[block.name]?.(stdout, block);
  });

  test('start the services from the documented directories', async () => {
    const [installed, beside] = await Promise.all(services.map(({ pid }) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
    const program = 'bin/gitlab-registry-usage-rest\0';
    expect(installed).toContain(join(directory, 'prefix', program));
    expect(beside).toContain(join(directory, 'opt/gitlab-registry-usage-rest', program));
  });

  test('create a configuration that only its owner can read', async () => {
    expect((await stat(join(directory, 'my.conf'))).mode & 0o777).toBe(0o600);
  });

  test('start a service in a checkout too, which stores its data in data/', async () => {
    const port = await freePort();
    const env = { GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT: `${port}`, STATE_DIRECTORY: undefined };
    await startAsDocumented(SERVICES[0], port, { cwd: checkout, env, program: IN_A_CHECKOUT });
    expect((await stat(join(checkout, 'data/usage.db'))).size).toBeGreaterThan(0);
  });
});

const isForCheckout = (command: string): boolean => command.startsWith('scripts/');

describe('the commands in backticks', () => {
  const others = Object.entries(INLINE).filter(([command]) => !isForCheckout(command));

  test.for(others)('%s', async ([command, expected]) => {
    const file = join(directory, 'accounts');
    const named = real(command).replace('FILE NAME', `-c ${file} alice`);
    expect((await shell(named.replace(/-B$/, '-B -n alice'))).stdout).toMatch(expected);
    if (command.endsWith('NAME')) expect(await readFile(file, 'utf8')).toMatch(/^alice:\$2y\$12\$/);
  });
});

describe('the commands for developers', () => {
  test.for(Object.entries(INLINE).filter(([command]) => isForCheckout(command)))('%s', async ([command, expected]) => {
    const mended = MENDS[command];
    if (mended !== undefined) await appendFile(join(checkout, mended), '\n\n\n');
    const { stdout } = await shell(`${command.replace('NAME', 'domain/order.test.ts')} 2>&1`, checkout);
    expect(stdout).toMatch(expected);
    if (mended === undefined) return;
    expect(await readFile(join(checkout, mended), 'utf8')).toBe(await readFile(join(ROOT, mended), 'utf8'));
  });
});

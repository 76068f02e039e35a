import { execFile } from 'node:child_process';
import { appendFile, chmod, cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, freePort, startListening } from '../lab/child.ts';
import { pushSampleContent } from '../lab/content.ts';
import { startDirectory, VALID_GID } from '../lab/directory.ts';
import { createPusher } from '../lab/push.ts';
import { startRegistry } from '../lab/registry.ts';
import { inNewDirectory, removeDirectory } from '../lab/temporary.ts';
import { startTokenService } from '../lab/token-service.ts';
import { type Block, pages, ROOT } from './documentation.ts';

/* Every command that the documentation shows is run here as it stands there, but for names, ports and passwords; or another test runs it;
 * or the page says that it needs servers of the reader's own. */

const PAGES = pages();
const ACCESS_TOKEN = 'the-access-token';
const EVENTS_SECRET = 'replace-this-by-a-long-secret'; // as in docs/notifications.md
const PATIENCE_MS = 120_000;

/** What is run somewhere else, as it stands: by that file. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  './run-demo': 'test/demo.test.ts',
  './run-tests': '.ci/run',
  'npm test': 'run-tests',
  'npm ci': 'scripts/with-node',
};

/** What is for those who work on the service, and takes longer, or fetches more, than a test may. */
const BY_HAND: Readonly<Record<string, string>> = {
  'scripts/with-node npm run bench': 'measures for long, on a machine that does nothing else meanwhile',
  'scripts/fuzz-with-prism': 'fetches 200 packages; test/openapi-prism.test.ts is what it runs then',
};

type Check = (stdout: string, block: Block) => void | Promise<void>;

/** By the name of a block: what comes of it. All of its commands are run, in one shell. */
const BLOCKS: Readonly<Record<string, Check>> = {
  async 'README.md, Use it with your GitLab (2)'(stdout) {
    const { timestamp, _embedded } = JSON.parse(stdout);
    expect(timestamp).toBeGreaterThan(1_700_000_000);
    expect(_embedded.items).toContainEqual(expect.objectContaining({ name: 'group/app', size: expect.any(Number) }));
    expect((await stat(join(directory, 'my.conf'))).mode & 0o777).toBe(0o600);
  },
  'docs/accounts.md, To sign in'(stdout, { answers }) {
    expect(Object.keys(JSON.parse(stdout))).toEqual(Object.keys(JSON.parse(answers[0] ?? '')));
  },
  async 'docs/accounts.md, The file of accounts'() {
    const file = join(directory, 'gitlab_registry_usage_rest.htpasswd');
    expect(await readFile(file, 'utf8')).toMatch(/^alice:\$2y\$12\$\S+\n$/);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  },
  async 'docs/accounts.md, To log somebody out'() {
    const text = await readFile(join(directory, 'gitlab_registry_usage_rest.not-before'), 'utf8');
    expect(text).toMatch(/^alice \d{10}\n\* \d{10}\n$/);
  },
  'docs/collections.md, Collections'(stdout) {
    expect(stdout).toMatch(/^\{.*"per_page":10.*\}\s*name,size,disk_size,/);
    expect(stdout).toMatch(/^group\/app,\d+,/m);
    expect(stdout).toMatch(/^\{"repository":"group\/app",/m);
  },
  'docs/notifications.md, To see whether it works'(stdout) {
    expect(stdout).toMatch(/^HTTP\/1\.1 202 /);
  },
  'docs/operations.md, To see whether it works'(stdout) {
    expect(stdout.match(/"name":"group\/app"/g)).toHaveLength(2);
  },
  'docs/operations.md, When something is wrong'(stdout) {
    for (const part of ['{"status":"ready"', '\nregistry_usage_tags ', '"state":"', '"gaps_count":'])
      expect(stdout).toContain(part);
  },
  async 'MIGRATING.md, Moving over'() {
    const [copy, original] = ['.conf.python', '.conf'].map((end) =>
      join(directory, `gitlab_registry_usage_rest${end}`),
    );
    expect(await readFile(copy ?? '', 'utf8')).toBe(await readFile(original ?? '', 'utf8'));
  },
  'MIGRATING.md, Moving over (3)'(stdout) {
    expect(JSON.parse(stdout)).toMatchObject({ status: 'ready' });
  },
  async 'MIGRATING.md, Moving over (4)'(stdout) {
    expect(JSON.parse(await readFile(join(directory, 'now.json'), 'utf8'))._embedded.items.length).toBeGreaterThan(10);
    expect(stdout).toBe(''); // no difference: it is the same service here
  },
};

/** Blocks whose last command is a service that goes on running. They are run first, in this order, and those above ask these services. */
const SERVICES = ['README.md, Use it with your GitLab', 'MIGRATING.md, Moving over (2)'] as const;

/** The block that installs what a checkout holds: run first, in a copy of this one, into a prefix of its own. Other blocks start what it has installed. */
const INSTALLATION = 'README.md, Install it';

/** By a command between backticks: what it prints. */
const INLINE: Readonly<Record<string, RegExp>> = {
  'date +%s': /^\d{10}\n$/,
  'openssl rand -hex 32': /^[0-9a-f]{64}\n$/,
  'htpasswd -B': /^alice:\$2y\$05\$/, // a cost of 5, as the page says
  'htpasswd -B -C 12 FILE NAME': /^$/,
  'gitlab-registry-usage-rest --print-default-config': /^\[general\]$/m,
  'scripts/with-node npx vitest run test/NAME': /Tests .*passed/,
  'scripts/with-node npm run format': /Checked \d+ files/,
  'scripts/with-node npx vitest run test/config-documentation.test.ts -u': /Tests .*passed/,
};

/** What is put right by a command, where somebody has spoiled it. */
const MENDS: Readonly<Record<string, string>> = {
  'scripts/with-node npm run format': 'src/main.ts',
  'scripts/with-node npx vitest run test/config-documentation.test.ts -u': 'docs/configuration.md',
};

let directory: string;
/** A copy of this checkout, in which everything has been installed. */
let copy: string;
let token: string;
const ports = { '5000': 0, '5001': 0 };
const services = new Map<string, Child>();
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
  await copyCheckout();
  await mkdir(join(directory, 'beside'));
  await writeProgram('gitlab-registry-usage-rest', `#!/bin/sh\nexec ${ROOT}gitlab-registry-usage-rest "$@"\n`);
  await install();
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
  // What the reader of MIGRATING.md has already; a service that runs beside another one has a store of its own.
  await cp(join(directory, 'my.conf'), join(directory, 'gitlab_registry_usage_rest.conf'));
  await startAsDocumented(SERVICES[1], ports['5001'], 'beside', { STATE_DIRECTORY: join(directory, 'beside') });
  const { stdout } = await shell(`curl -s -u alice:alice-secret http://127.0.0.1:${ports['5000']}/auth_token`);
  token = JSON.parse(stdout).auth_token;
}, 3 * PATIENCE_MS); // npm has much to fetch

afterAll(async () => {
  for (const child of services.values()) await child.stop();
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Without what was installed here: a link to it would be an invitation to whoever installs anew. */
async function copyCheckout(): Promise<void> {
  copy = await inNewDirectory('checkout', async (made) => made);
  cleanups.push(() => removeDirectory(copy));
  const isLeftOut = (path: string): boolean => /^(?:\.git|\.node|node_modules|dist|data)(?:\/|$)/.test(path);
  await cp(ROOT, copy, { recursive: true, filter: (path) => !isLeftOut(path.slice(ROOT.length)) });
}

async function install(): Promise<void> {
  const script = ['scripts/with-node npm ci >/dev/null', ...blockNamed(INSTALLATION).commands].join('\n');
  await shell(`export npm_config_prefix=${directory}\n${script}`, copy);
}

/** An editor that a reader could be: replaces what stands behind these keys, or behind a `#`. */
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
  await writeProgram('editor', `#!/bin/sh\nexec ${process.execPath} ${directory}/editor.mjs "$@"\n`);
}

async function writeProgram(path: string, text: string): Promise<void> {
  await writeFile(join(directory, path), text);
  await chmod(join(directory, path), 0o755);
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${directory}/bin:${dirname(process.execPath)}:${process.env['PATH']}`,
  EDITOR: `${directory}/editor`,
  NODE_COMPILE_CACHE: `${ROOT}.node/compile-cache`,
  token,
  url: `http://127.0.0.1:${ports['5000']}`,
});

/** The names, ports and passwords of the lab for those of the documentation. */
function real(text: string): string {
  return text
    .replace(/http:\/\/127\.0\.0\.1:(5000|5001)/g, (_, port: '5000' | '5001') => `http://127.0.0.1:${ports[port]}`)
    .replaceAll('_SOCKET_PORT=5001', `_SOCKET_PORT=${ports['5001']}`)
    .replaceAll('https://usage.example.com', `http://127.0.0.1:${ports['5000']}`)
    .replaceAll('/etc/gitlab_registry_usage_rest', join(directory, 'gitlab_registry_usage_rest'))
    .replaceAll('-u alice ', '-u alice:alice-secret ')
    .replace(/my-group(%2F|\/)my-project/g, 'group$1app')
    .replaceAll('root:usage', '"$(id -u):$(id -g)"')
    .replace(/^htpasswd (.*)$/m, 'echo alice-secret | htpasswd -i $1');
}

function shell(script: string, cwd = directory): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)('sh', ['-euc', script], { cwd, env: environment() });
}

function blockNamed(name: string): Block {
  const found = PAGES.flatMap(({ blocks }) => blocks).find((block) => block.name === name);
  if (found === undefined) throw new Error(`there is no such block: ${name}`);
  return found;
}

/** Runs the commands of a block, of which the last one is a service; waits for its first collection. */
async function startAsDocumented(
  name: string,
  port: number,
  below = '.',
  variables: NodeJS.ProcessEnv = {},
): Promise<void> {
  const commands = blockNamed(name).commands.map(real);
  const last = commands.pop() ?? '';
  const cwd = join(directory, below);
  if (commands.length > 0) await shell(commands.join('\n'), cwd);
  const child = await startListening('sh', ['-euc', `cd ${cwd}; exec env ${last}`], port, {
    env: { ...environment(), ...variables },
  });
  services.set(name, child);
  for (const until = Date.now() + PATIENCE_MS; !child.output().includes('"collection finished"'); await sleep(50))
    if (Date.now() > until) throw new Error(`no collection, but:\n${child.output()}`);
}

const BLOCKS_THERE = PAGES.flatMap(({ blocks }) => blocks).filter(({ isForReadersOnly }) => !isForReadersOnly);
const INLINE_THERE = PAGES.flatMap(({ inline }) => inline).filter(({ isForReadersOnly }) => !isForReadersOnly);
const isElsewhere = ({ commands }: Block): boolean => commands.every((command) => command in ELSEWHERE);

test('every command is run by a test, or is marked as needing servers of the reader’s own', () => {
  const known = (block: Block): boolean =>
    block.name in BLOCKS || [INSTALLATION, ...SERVICES].includes(block.name) || isElsewhere(block);
  expect
    .soft(BLOCKS_THERE.filter((block) => !known(block)).map(({ name, commands }) => ({ name, commands })))
    .toEqual([]);
  const isKnown = (command: string): boolean => command in INLINE || command in ELSEWHERE || command in BY_HAND;
  expect(INLINE_THERE.filter(({ command }) => !isKnown(command))).toEqual([]);
});

test('what is known here is still there', () => {
  const blocks = new Set(BLOCKS_THERE.map(({ name }) => name));
  expect([...Object.keys(BLOCKS), INSTALLATION, ...SERVICES].filter((name) => !blocks.has(name))).toEqual([]);
  const commands = new Set([
    ...INLINE_THERE.map(({ command }) => command),
    ...BLOCKS_THERE.flatMap((block) => block.commands),
  ]);
  const known = [INLINE, ELSEWHERE, BY_HAND].flatMap((table) => Object.keys(table));
  expect(known.filter((command) => !commands.has(command))).toEqual([]);
});

test.for(Object.entries(ELSEWHERE))('%s is run by %s', async ([command, file]) => {
  expect(await readFile(join(ROOT, file), 'utf8')).toContain(command);
});

describe('the blocks', () => {
  test.for(BLOCKS_THERE.filter(({ name }) => name in BLOCKS))('$name', async (block) => {
    const { stdout } = await shell(real(block.commands.join('\n')));
    await BLOCKS[block.name]?.(stdout, block);
  });

  test('a service that is started as the README says keeps what it has read where the README says', async () => {
    expect((await stat(join(directory, 'data/usage.db'))).size).toBeGreaterThan(0);
  });
});

const ofCheckout = (command: string): boolean => command.startsWith('scripts/');

describe('the commands between backticks', () => {
  const others = Object.entries(INLINE).filter(([command]) => !ofCheckout(command));

  test.for(others)('%s', async ([command, expected]) => {
    const file = join(directory, 'accounts');
    const script = real(command).replace('FILE NAME', `-c ${file} alice`).replace(/-B$/, '-B -n alice');
    expect((await shell(script)).stdout).toMatch(expected);
    if (command.includes('FILE')) expect(await readFile(file, 'utf8')).toMatch(/^alice:\$2y\$12\$/);
  });
});

describe('the commands for those who work on the service, in a copy of this checkout', () => {
  test.for(Object.entries(INLINE).filter(([command]) => ofCheckout(command)))(
    '%s',
    { timeout: PATIENCE_MS },
    async ([command, expected]) => {
      const mended = MENDS[command];
      if (mended !== undefined) await appendFile(join(copy, mended), '\n\n\n');
      const { stdout } = await shell(`${command.replace('NAME', 'order.test.ts')} 2>&1`, copy);
      expect(stdout).toMatch(expected);
      if (mended === undefined) return;
      expect(await readFile(join(copy, mended), 'utf8')).toBe(await readFile(join(ROOT, mended), 'utf8'));
    },
  );
});

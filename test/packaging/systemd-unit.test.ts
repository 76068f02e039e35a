import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../lab/certificate.ts';
import { type Child, freePort, startListening } from '../../lab/child.ts';
import { config, layer } from '../../lab/images.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, startRegistry } from '../../lab/registry.ts';
import { run } from '../../lab/run.ts';
import { SERVICE_COMMAND, type Settings, toIni } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { installDebianPackages } from '../support/debian-packages.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';
import { waitForLog } from '../support/whole-lab.ts';

setSlowTimeLimits();

/* Checks the unit with systemd-analyze, and runs its command with the environment that systemd would set, with directories for the state and the
 * credentials. This traces the system calls, and needs no running systemd. systemd-machine.test.ts starts the unit in systemd. */

const SECRET_KEY = 'the secret key of this unit: 100% secret';
const ROOT = new URL('../..', import.meta.url).pathname;
const UNIT_FILE = join(ROOT, 'packaging/gitlab-registry-usage-rest.service');
const PROGRAM = 'gitlab-registry-usage-rest';
const ACCESS_TOKEN = 'secret';
/** bcrypt of `secret`, for the user `crawler`. */
const HTPASSWD = 'crawler:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';

let page: string;
let unit: string;
let registry: LabRegistry;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  await installDebianPackages('docker-registry', 'openssl', 'systemd:systemd-analyze', 'strace');
  [unit, page] = await Promise.all([readFile(UNIT_FILE, 'utf8'), readFile(join(ROOT, 'docs/systemd.md'), 'utf8')]);
  const open = await startRegistry();
  cleanups.push(open.remove);
  await createPusher(open).image('group/app', 'v1', { config: config('unit'), layers: [layer('unit', 1000)] });
  registry = await startRegistry({ htpasswd: HTPASSWD, copyOf: open.storageDirectory });
  cleanups.push(registry.remove);
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Returns the values of a setting, in the order of the file. */
function valuesOf(name: string, text = unit): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1));
}

const settingOf = (name: string): string => valuesOf(name).join('\n');
/** Returns the drop-in for secrets that docs/systemd.md shows. */
const dropIn = (): string => page.split('```ini\n')[1]?.split('```')[0] ?? '';

async function newDirectory(): Promise<string> {
  const directory = await inNewDirectory('systemd', async (made) => made);
  cleanups.push(() => removeDirectory(directory));
  return directory;
}

/**
 * Runs `systemd-analyze verify` on the unit with a drop-in, with or without an installed program. systemd-analyze looks for a program without a path in
 * the directories of the machine, where the test must not install one, so the copy of the unit names a directory.
 */
async function verify(dropInText: string, isInstalled = true): Promise<{ code: number; stderr: string }> {
  const directory = await newDirectory();
  const [bin, dropIns] = [join(directory, 'bin'), join(directory, `${PROGRAM}.service.d`)];
  await Promise.all([mkdir(bin), mkdir(dropIns)]);
  const copy = join(directory, `${PROGRAM}.service`);
  await writeFile(copy, unit.replace(/^ExecStart=/m, `ExecStart=${bin}/`));
  await writeFile(join(dropIns, 'override.conf'), dropInText);
  if (isInstalled) await symlink('/bin/true', join(bin, PROGRAM));
  return run('systemd-analyze', ['verify', '--man=no', copy]).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );
}

describe('systemd-analyze', () => {
  test('accepts the unit, alone and with the documented drop-in', async () => {
    expect(await verify('')).toEqual({ code: 0, stderr: '' });
    expect(dropIn()).toContain('LoadCredential=');
    expect(await verify(dropIn())).toEqual({ code: 0, stderr: '' });
  });

  test('reports an unknown key and a missing program', async () => {
    expect((await verify('[Service]\nNonsense=1\n')).stderr).toContain("Unknown key 'Nonsense'");
    expect((await verify('', false)).stderr).toContain(`${PROGRAM} is not executable`);
  });

  test('computes the documented exposure level', async () => {
    const [, documented = ''] = /exposure of (\d+\.\d+), of 10/.exec(page) ?? [];
    const analyze = (threshold: number) =>
      run('systemd-analyze', ['security', '--offline=true', '--no-pager', `--threshold=${threshold}`, UNIT_FILE]);
    // The threshold is in tenths, and the figure is rounded.
    const { stdout } = await analyze(Math.round(Number(documented) * 10));
    expect(stdout).toContain(`exposure level for ${PROGRAM}.service: ${documented} `);
    await expect(analyze(Math.round(Number(documented) * 10) - 2)).rejects.toMatchObject({ code: 1 });
  });
});

interface Started {
  readonly url: string;
  readonly child: Child;
}

const PLAIN: Settings = {
  ldap: { host: 'ldap.invalid', base_dn: 'dc=invalid', valid_gid: 1 },
  jwt: { secret_key: '0'.repeat(32) }, // the placeholder, which the credential replaces
};

interface Place {
  readonly state: string;
  readonly credentials: string;
}

async function newPlace(): Promise<Place> {
  const directory = await newDirectory();
  const place = { state: join(directory, 'state'), credentials: join(directory, 'credentials') };
  await Promise.all([mkdir(place.state, { mode: 0o700 }), mkdir(place.credentials, { mode: 0o700 })]);
  return place;
}

/** Writes the files that LoadCredential= names as systemd does, so that only the service can read them. */
async function load({ credentials }: Place, contents: Readonly<Record<string, string>>): Promise<void> {
  for (const line of [...valuesOf('LoadCredential'), ...valuesOf('LoadCredential', dropIn())]) {
    const [id = ''] = line.split(':');
    await writeFile(join(credentials, id), contents[id] ?? '', { mode: 0o600 });
    await chmod(join(credentials, id), 0o400);
  }
}

/** Runs the command of the unit from the sources, with the environment of the unit and its drop-in. @param before a command that runs it */
async function start(
  place: Place,
  general: Settings['general'] = {},
  before: readonly string[] = [],
): Promise<Started> {
  const port = await freePort();
  const settings: Settings = {
    ...PLAIN,
    general: { socket_port: port, ...general },
    registry: { registry_base_url: registry.url, username: 'crawler' },
  };
  await removeDirectory(place.credentials);
  await mkdir(place.credentials, { mode: 0o700 });
  await load(place, { config: toIni(settings), access_token: `${ACCESS_TOKEN}\n`, secret_key: SECRET_KEY });
  const expanded = (text: string): string => text.replaceAll('%d', place.credentials);
  const [program, ...parameters] = expanded(settingOf('ExecStart')).split(' ');
  expect(program).toBe(PROGRAM);
  const variables = valuesOf('Environment', dropIn()).map((line) => expanded(line).split('=', 2));
  // The variables that systemd sets itself.
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
    STATE_DIRECTORY: place.state,
    CREDENTIALS_DIRECTORY: place.credentials,
    ...Object.fromEntries(variables),
  };
  const [command = '', ...all] = [...before, ...SERVICE_COMMAND, ...parameters];
  const child = await startListening(command, all, port, { env });
  cleanups.push(child.stop);
  return { url: `http://127.0.0.1:${port}`, child };
}

describe('the command of the unit', () => {
  test('reads the configuration and the secrets from credentials, and stores its data in the state directory', async () => {
    const place = await newPlace();
    const service = await start(place);
    await waitForLog(service, 'crawl finished');
    expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    expect((await readFile(join(place.state, 'usage.db'))).subarray(0, 15).toString()).toBe('SQLite format 3');
    expect(service.child.output()).not.toContain('k'.repeat(40));
    process.kill(service.child.pid, 'SIGTERM');
    expect(await service.child.ended).toBe(0);
  });

  test('reloads the certificate after SIGHUP, and keeps running', async () => {
    const certificate = await makeCertificate(await newDirectory(), ['IP:127.0.0.1']);
    const place = await newPlace();
    const service = await start(place, { tls_certificate: certificate.certificateFile, tls_key: certificate.keyFile });
    expect(settingOf('ExecReload')).toBe('kill -HUP $MAINPID');
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'certificate reloaded');
    process.kill(service.child.pid, 'SIGTERM');
    expect(await service.child.ended).toBe(0);
  });

  test('keeps running after SIGHUP without a certificate, and logs that there is nothing to reload', async () => {
    const service = await start(await newPlace());
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'nothing to reload');
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
    process.kill(service.child.pid, 'SIGTERM');
    expect(await service.child.ended).toBe(0);
  });

  test('exits with 2 if the configuration is invalid, after which the unit is not restarted', async () => {
    expect(settingOf('RestartPreventExitStatus')?.split(' ')).toContain('2');
    const failed = start(await newPlace(), { log_level: 'loud' });
    await expect(failed).rejects.toThrow(/config:\d+: \[general\] log_level: "loud"/);
    await expect(
      run(SERVICE_COMMAND[0], [...SERVICE_COMMAND.slice(1), '-c', '/nonexistent/config']),
    ).rejects.toMatchObject({ code: 2 });
  });

  test('uses only system calls and address families that the unit allows', async () => {
    const place = await newPlace();
    const report = join(place.state, 'calls');
    const service = await start(place, {}, ['strace', '-D', '-f', '-q', '-o', report, '-e', 'trace=all']);
    await waitForLog(service, 'crawl finished');
    await fetch(`${service.url}/health/ready`);
    process.kill(service.child.pid, 'SIGTERM');
    expect(await service.child.ended).toBe(0);
    const text = await traced(report, service.child.pid);
    const calls = new Set([...text.matchAll(/^\d+ +(\w+)\(/gm)].map(([, name = '']) => name));
    expect(calls.size).toBeGreaterThan(40);
    const { allowed, refused } = await filter();
    // As root, SQLite changes the owner of its files to that of the database (os_unix.c, robustFchown). The unit's user is not root.
    if (process.geteuid?.() === 0) calls.delete('fchown');
    expect([...calls].filter((name) => !allowed.has(name) || refused.has(name))).toEqual([]);
    const families = [...text.matchAll(/^\d+ +socket\((\w+),/gm)].map(([, name = '']) => name);
    expect(settingOf('RestrictAddressFamilies').split(' ')).toEqual(expect.arrayContaining([...new Set(families)]));
  });
});

/** Returns the output of strace, which writes for a moment after the process has ended. */
async function traced(file: string, pid: number): Promise<string> {
  for (let tries = 0; tries < 3000; tries++) {
    const text = await readFile(file, 'utf8');
    if (new RegExp(`^${pid} +\\+\\+\\+ exited`, 'm').test(text)) return text;
    await sleep(20);
  }
  throw new Error('strace has not reported the exit of the process');
}

/** Returns the system calls of SystemCallFilter=, with its groups expanded. */
async function filter(): Promise<{ allowed: ReadonlySet<string>; refused: ReadonlySet<string> }> {
  const [allowed, refused] = [new Set<string>(), new Set<string>()];
  await add('@default', allowed); // is always allowed (systemd.exec, SystemCallFilter=)
  for (const line of valuesOf('SystemCallFilter'))
    for (const name of line.replace('~', '').split(' ')) await add(name, line.startsWith('~') ? refused : allowed);
  return { allowed, refused };
}

async function add(name: string, to: Set<string>): Promise<void> {
  if (!name.startsWith('@')) return void to.add(name);
  const { stdout } = await run('systemd-analyze', ['syscall-filter', '--no-pager', name]);
  const members = stdout.split('\n').filter((line) => /^ {4}[@\w]/.test(line));
  for (const member of members) await add(member.trim(), to);
}

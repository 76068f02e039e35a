import { once } from 'node:events';
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Certificate, makeCertificate } from '../../lab/certificate.ts';
import { run } from '../../lab/run.ts';
import { SERVICE_COMMAND, type Settings, startService } from '../../lab/service.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { createListener, TIMEOUTS } from '../../src/http/listener.ts';
import { CertificateError } from '../../src/http/tls.ts';
import { get, parseResponse, talk } from '../support/raw-http.ts';
import { startTestServer } from '../support/server.ts';
import { waitForLog } from '../support/whole-lab.ts';

/* TLS with files, a process and signals, as an operator uses it. The crawl does not matter here. */

let directory: string;
let [mine, other]: (Certificate | undefined)[] = [];
let certificateFile: string;
let keyFile: string;

beforeAll(async () => {
  directory = makeDirectory('tls');
  [certificateFile, keyFile] = [join(directory, 'service.pem'), join(directory, 'service.key')];
  const make = async (name: string) => {
    const inside = join(directory, name);
    await mkdir(inside);
    return makeCertificate(inside, ['IP:127.0.0.1', 'DNS:localhost']);
  };
  [mine, other] = await Promise.all([make('mine'), make('other')]);
});

afterAll(() => removeDirectory(directory));

async function install(certificate: Certificate | undefined, key = certificate, mode = 0o600): Promise<void> {
  await copyFile(certificate?.certificateFile ?? '', certificateFile);
  await copyFile(key?.keyFile ?? '', keyFile);
  await chmod(keyFile, mode);
}

const settings = (general: Settings['general'] = {}): Settings => ({
  general: { tls_certificate: certificateFile, tls_key: keyFile, ...general },
  ldap: { host: 'ldap.invalid', base_dn: 'dc=invalid', valid_gid: 1 },
  jwt: { secret_key: 'the secret key of this run: 100% secret' },
  registry: { gitlab_base_url: '', registry_base_url: 'http://registry.invalid' },
});

async function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const ca = [mine?.certificate ?? '', other?.certificate ?? ''];
  const socket = connect({ port, host: '127.0.0.1', ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket): Promise<ReturnType<typeof parseResponse>> {
  socket.write('GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return parseResponse(chunk.toString());
}

async function shown(port: number): Promise<Certificate | undefined> {
  const socket = await open(port);
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return [mine, other].find((one) =>
    one?.certificate.replaceAll(/\s/g, '').includes(raw.toString('base64').slice(0, 500)),
  );
}

test('uses a new certificate for new connections after SIGHUP, and logs and ignores one that is not usable', async () => {
  await install(mine);
  const service = await startService(settings());
  try {
    const port = Number(new URL(service.url).port);
    await waitForLog(service, `"url":"https://127.0.0.1:${port}"`);
    const kept = await open(port);
    expect(await ask(kept)).toMatchObject({
      status: 200,
      headers: { 'strict-transport-security': 'max-age=15552000', 'x-content-type-options': 'nosniff' },
    });
    expect(await shown(port)).toBe(mine);

    await install(mine, other);
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'certificate not reloaded');
    expect(service.child.output()).toContain('[general] tls_key: is not the key of tls_certificate');
    expect(await shown(port)).toBe(mine);

    await install(other);
    await run('openssl', [
      'x509',
      '-in',
      other?.certificateFile ?? '',
      '-signkey',
      keyFile,
      '-days',
      '-1',
      '-out',
      certificateFile,
    ]);
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'certificate not reloaded', 2);
    expect(service.child.output()).toMatch(/\[general\] tls_certificate: the certificate has expired on 20/);
    expect(await shown(port)).toBe(mine);

    await install(other, other, 0o644);
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'certificate reloaded');
    expect(await shown(port)).toBe(other);
    await waitForLog(service, '"msg":"[general] tls_key: ');

    expect((await ask(kept)).status).toBe(200);
    kept.destroy();
    expect(service.child.output()).not.toContain(other?.key.split('\n')[2]);
  } finally {
    await service.stop();
  }
  expect(await service.child.ended).toBe(0);
});

test('does not start with a certificate that has expired or is too weak, and prints one line', async () => {
  await install(mine);
  await run('openssl', [
    'x509',
    '-in',
    mine?.certificateFile ?? '',
    '-signkey',
    keyFile,
    '-days',
    '-1',
    '-out',
    certificateFile,
  ]);
  const lines = async () => {
    const failure = await startService(settings({ log_level: 'error' })).catch(String);
    return String(failure).trimEnd().split('\n').slice(1);
  };
  expect(await lines()).toEqual([
    expect.stringMatching(
      /^gitlab-registry-usage-rest: \[general\] tls_certificate: the certificate has expired on 20\d\d-[\dTZ:.-]+$/,
    ),
  ]);
  const weak = ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-days', '3', '-subj', '/CN=weak'];
  await run('openssl', [...weak, '-keyout', keyFile, '-out', certificateFile]);
  expect(await lines()).toEqual([
    'gitlab-registry-usage-rest: [general] tls_certificate: the certificate cannot be used with its key (ERR_SSL_EE_KEY_TOO_SMALL)',
  ]);
});

const WITHOUT = { tls_certificate: '', tls_key: '' };
const NOTHING = 'nothing to reload';

test('logs each SIGHUP without a certificate, and keeps running', async () => {
  const service = await startService(settings(WITHOUT));
  try {
    for (const times of [1, 2]) {
      process.kill(service.child.pid, 'SIGHUP');
      await waitForLog(service, `"msg":"${NOTHING}"`, times);
    }
    expect(service.child.output()).toMatch(new RegExp(`^\\{"level":30,.*"msg":"${NOTHING}"`, 'm'));
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
  } finally {
    await service.stop();
  }
  expect(await service.child.ended).toBe(0);
});

test('does not reload a configuration from a pipe after SIGHUP, which would block', async () => {
  await install(mine);
  const service = await startService(settings(), {}, ['sh', '-euc', PIPED, 'sh', ...SERVICE_COMMAND]);
  try {
    const port = Number(new URL(service.url).port);
    process.kill(service.child.pid, 'SIGHUP');
    await waitForLog(service, 'certificate not reloaded');
    expect(service.child.output()).toContain('.pipe: a pipe cannot be read twice');
    expect(await shown(port)).toBe(mine);
  } finally {
    await service.stop();
  }
  expect(await service.child.ended).toBe(0);
});

/** A shell script that passes the file, its last parameter, to the service through a named pipe. */
const PIPED = `for file; do :; done; mkfifo "$file.pipe"; cat "$file" > "$file.pipe" & exec "$1" "$2" "$3" "$4" "$5" -c "$file.pipe"`;

test('ends when its terminal hangs up, if there is no certificate', async () => {
  // script(1) creates the terminal, and its end is the hang-up. The shell prints the process id before it starts the service.
  const command = `exec script -qec "echo pid=\\$\\$; exec ${SERVICE_COMMAND.join(' ')} -c $2" /dev/null`;
  const service = await startService(settings(WITHOUT), {}, ['sh', '-c', command, 'sh']);
  const pid = Number(/pid=(\d+)/.exec(service.child.output())?.[1]);
  try {
    await waitForLog(service, 'INFO'); // the format for terminals
    await service.child.kill();
    await expect.poll(() => fetch(service.url).catch(() => 'gone'), { timeout: 10_000 }).toBe('gone');
  } finally {
    await service.stop();
    if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  }
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const tls = () => ({ certificate: mine?.certificate ?? '', key: mine?.key ?? '' });

test('refuses versions before TLS 1.2, and closes connections without TLS', async () => {
  const front = await startTestServer({ http: { tls: tls() } });
  try {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(open(front.port, old)).rejects.toThrow(/protocol version/);
    for (const [maxVersion, expected] of [
      ['TLSv1.2', 'TLSv1.2'],
      ['TLSv1.3', 'TLSv1.3'],
    ] as const) {
      const socket = await open(front.port, { maxVersion });
      expect(socket.getProtocol()).toBe(expected);
      socket.destroy();
    }
    expect((await talk(front.port, 'GET /usage/ HTTP/1.1\r\nHost: x\r\n\r\n')).text).not.toContain('HTTP/1.1 200');
  } finally {
    await front.close();
  }
});

test('closes connections without a handshake or a request, which use up the limit of connections meanwhile', async () => {
  const timeouts = { ...TIMEOUTS, headersMs: 300 };
  const limits = {
    connections: 2,
    connectionsPerAddress: 0,
    requestsPerAddress: 0,
    requestsPerUser: 0,
    failedSignIns: 0,
  };
  const front = await startTestServer({ http: { tls: tls(), timeouts, limits } });
  try {
    const silent = connectPlain(front.port, '127.0.0.1').on('error', () => undefined);
    const quiet = await open(front.port);
    quiet.resume();
    await expect(open(front.port)).rejects.toThrow();
    await Promise.all([once(silent, 'close'), once(quiet, 'close')]);
    expect((await ask(await open(front.port))).status).toBe(404);
  } finally {
    await front.close();
  }
});

test('throws a CertificateError for an expired certificate', () => {
  const late = { timeouts: TIMEOUTS, tls: tls(), now: Date.UTC(2100) };
  expect(() => createListener(() => undefined, late)).toThrow(CertificateError);
});

test('does not copy a whole body for a client over TLS that does not read', async () => {
  const tls = { certificate: mine?.certificate ?? '', key: mine?.key ?? '' };
  const front = await startTestServer({ http: { tls }, tagsCount: 25_000 });
  try {
    const arrived = once(front.server.server, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = await open(front.port);
    const [ours] = await arrived;
    const request = get('/repositories?embed=true', { Connection: 'keep-alive' });
    const headersOf = async (): Promise<string> => {
      socket.write(request);
      return String(await once(socket, 'data'));
    };
    const length = Number(/content-length: (\d+)/.exec(await headersOf())?.[1]);
    expect(length).toBeGreaterThan(5_000_000);
    socket.pause();
    let [most, looks] = [0, 0];
    while (looks++ < 50) {
      await sleep(10);
      most = Math.max(most, ours.writableLength);
    }
    expect(most).toBeGreaterThan(0); // the response waits for the client
    expect(most).toBeLessThan(length / 2);
    socket.destroy();
  } finally {
    await front.close();
  }
});

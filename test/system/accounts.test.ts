import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { type LabService, type Settings, startService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { basic, waitForLog } from '../support/whole-lab.ts';

/* Accounts in a file, with and without a real directory, in the service as an operator runs it. No registry is needed to sign in. */

/** bcrypt and argon2id hashes of `file-secret`, made by libxcrypt and OpenSSL. */
const BCRYPT = '$2y$10$abcdefghijklmnopqrstuuyaWZJtfv4HRL6.64xtJ98dWx7/qCWaO';
const ARGON2 = '$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$LHNJ+mg6s6q8PM77pRnj3NlunjvFL/P2XHw5QFRTkp8';
const PASSWORD = 'file-secret';
const WRONG = 'wrong-secret-of-somebody';

let folder: string;
let directory: LabDirectory;
const services: LabService[] = [];

beforeAll(async () => {
  folder = await inNewDirectory('accounts', async (made) => made);
  directory = await startDirectory();
});

afterAll(async () => {
  for (const service of services) await service.stop();
  await directory.remove();
  await removeDirectory(folder);
});

async function htpasswdFile(text: string, mode = 0o600): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'one-')), 'htpasswd');
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
}

/** Starts the service with these changes of the configuration. */
async function start(changes: Settings): Promise<LabService> {
  const service = await startService({
    jwt: { secret_key: 'the secret key of this run: at least 32 bytes', ...changes['jwt'] },
    registry: { registry_base_url: `http://127.0.0.1:${await freePort()}/`, discovery: 'catalog' },
    ...changes,
  });
  services.push(service);
  return service;
}

const ldap = () => ({
  host: directory.ldapsUrl,
  base_dn: directory.baseDn,
  valid_gid: VALID_GID,
  ca_file: directory.caFile,
  timeout: '2 s',
});

async function signIn({ url }: LabService, user: string, password: string): Promise<number> {
  const { status } = await fetch(`${url}/auth_token`, { method: 'POST', headers: basic(user, password) });
  return status;
}

describe('with an htpasswd file only', () => {
  let service: LabService;
  let file: string;

  beforeAll(async () => {
    file = await htpasswdFile(`# two\nalice:${BCRYPT}\njürgen:${ARGON2}\n`);
    service = await start({ auth: { methods: 'htpasswd', htpasswd_file: file } });
  });

  test('signs in users of the file without a directory', async () => {
    for (const user of ['alice', 'jürgen']) {
      const response = await fetch(`${service.url}/auth_token`, { headers: basic(user, PASSWORD) });
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
      const { auth_token, expires_in } = (await response.json()) as { auth_token: string; expires_in: number };
      expect(expires_in).toBe(14 * 86_400);
      const read = await fetch(`${service.url}/repositories`, { headers: { authorization: `Bearer ${auth_token}` } });
      expect(read.status).toBe(200);
    }
    expect(await signIn(service, 'alice', WRONG)).toBe(401);
    expect(await signIn(service, 'nobody', PASSWORD)).toBe(401);
  });

  test('logs the user and the method, and no password', async () => {
    await signIn(service, 'alice', PASSWORD);
    await signIn(service, 'mallory', WRONG);
    await waitForLog(service, '"user":"alice","method":"htpasswd","msg":"signed in"');
    await waitForLog(service, '"user":"mallory","methods":["htpasswd"],"msg":"sign-in refused"');
    for (const secret of [PASSWORD, WRONG, BCRYPT, ARGON2]) expect(service.child.output()).not.toContain(secret);
  });

  test('applies changes of the file without a restart, and ignores an invalid file', async () => {
    await writeFile(file, `carol:${BCRYPT}\n`);
    await waitForLog(service, '"setting":"[auth] htpasswd_file","msg":"file reloaded"');
    expect([await signIn(service, 'carol', PASSWORD), await signIn(service, 'alice', PASSWORD)]).toEqual([200, 401]);
    await writeFile(file, `carol:${BCRYPT}\ndave:${PASSWORD}\n`);
    await waitForLog(service, `${file}:2: must not contain a password in plain text, or an unknown hash`);
    expect([await signIn(service, 'carol', PASSWORD), await signIn(service, 'dave', PASSWORD)]).toEqual([200, 401]);
    expect(service.child.output()).not.toContain(PASSWORD);
  });
});

describe('with a directory and an htpasswd file', () => {
  test('signs in users of both, and logs the method', async () => {
    const file = await htpasswdFile(`robot:${BCRYPT}\nalice:${BCRYPT}\n`);
    const service = await start({ auth: { methods: 'ldap, htpasswd', htpasswd_file: file }, ldap: ldap() });
    expect(await signIn(service, 'robot', PASSWORD)).toBe(200);
    expect(await signIn(service, 'alice', 'alice-secret')).toBe(200);
    expect(await signIn(service, 'alice', PASSWORD)).toBe(200);
    expect(await signIn(service, 'bob', 'bob-secret')).toBe(401);
    await waitForLog(service, '"user":"robot","method":"htpasswd","msg":"signed in"');
    await waitForLog(service, '"user":"alice","method":"ldap","msg":"signed in"');
    await waitForLog(service, '"user":"alice","method":"htpasswd","msg":"signed in"');
    await waitForLog(service, '"user":"bob","methods":["ldap","htpasswd"],"msg":"sign-in refused"');
  });

  test.for(['ldap, htpasswd', 'htpasswd, ldap'])(
    'while the directory is down, signs in users of the file, and returns 503 for others (%s)',
    async (methods) => {
      const file = await htpasswdFile(`robot:${BCRYPT}\n`);
      const host = `ldaps://127.0.0.1:${await freePort()}`;
      const service = await start({ auth: { methods, htpasswd_file: file }, ldap: { ...ldap(), host } });
      expect(await signIn(service, 'robot', PASSWORD)).toBe(200);
      expect(await signIn(service, 'robot', WRONG)).toBe(401);
      expect(await signIn(service, 'alice', 'alice-secret')).toBe(503);
      await waitForLog(service, 'sign-in method failed, another one answered');
    },
  );
});

test('warns about a file that all users can read, and uses it', async () => {
  const file = await htpasswdFile(`alice:${BCRYPT}\n`, 0o644);
  const service = await start({ auth: { methods: 'htpasswd', htpasswd_file: file } });
  await waitForLog(service, `"path":"${file}","msg":"file accessible to other users"`);
  expect(await signIn(service, 'alice', PASSWORD)).toBe(200);
});

test('does not start with an invalid file, and prints one line for each mistake', async () => {
  const file = await htpasswdFile(`alice:${BCRYPT}\nbob:${PASSWORD}\ncarol:$apr1$x$y\n`);
  const failure = await start({ auth: { methods: 'htpasswd', htpasswd_file: file } }).catch(String);
  const place = `gitlab-registry-usage-rest: [auth] htpasswd_file: ${file}`;
  expect(failure).toContain(`${place}:2: must not contain a password in plain text, or an unknown hash: use`);
  expect(failure).toContain(`${place}:3: must not contain an MD5 hash, which is too easy to guess: use`);
  for (const hidden of [PASSWORD, '    at ']) expect(failure).not.toContain(hidden);
  const missing = join(folder, 'none');
  const other = await start({ auth: { not_before_file: missing }, ldap: ldap() }).catch(String);
  expect(other).toContain(`gitlab-registry-usage-rest: [auth] not_before_file: ${missing} does not exist\n`);
});

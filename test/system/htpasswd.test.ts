import { readFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { run } from '../../lab/run.ts';
import { type LabService, startService } from '../../lab/service.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { parseHtpasswd } from '../../src/auth/htpasswd.ts';
import { basic, waitForLog } from '../support/whole-lab.ts';

/* Files made by Apache's htpasswd, as docs/accounts.md describes. */

const PASSWORD = 'pä:s wörd';
let folder: string;

beforeAll(async () => {
  folder = await inNewDirectory('htpasswd', async (made) => made);
});

afterAll(() => removeDirectory(folder));

/** Runs `htpasswd` for that file and user, with the password on stdin. */
async function htpasswd(options: readonly string[], file: string, user: string, password = PASSWORD): Promise<string> {
  await run('htpasswd', [...options, '-i', file, user], { input: password });
  await chmod(file, 0o600);
  return file;
}

/** Returns the options of the `htpasswd` command in the page. */
function documentedOptions(): readonly string[] {
  const page = readFileSync(new URL('../../docs/accounts.md', import.meta.url), 'utf8');
  return /^htpasswd (.*) \/\S+ alice$/m.exec(page)?.[1]?.split(' ') ?? [];
}

async function start(file: string): Promise<LabService> {
  return startService({
    auth: { methods: 'htpasswd', htpasswd_file: file },
    jwt: { secret_key: 'the secret key of this run: at least 32 bytes' },
    registry: { registry_base_url: `http://127.0.0.1:${await freePort()}/`, discovery: 'catalog' },
  });
}

test('signs in an account made as documented, and applies changes without a restart', async () => {
  expect(documentedOptions()).toEqual(['-B', '-C', '12', '-c']);
  const file = await htpasswd(documentedOptions(), join(folder, 'documented'), 'alice');
  await htpasswd(['-B', '-C', '4'], file, 'jürgen', 'other');
  const service = await start(file);
  try {
    const signIn = async (user: string, password: string) =>
      (await fetch(`${service.url}/auth_token`, { headers: basic(user, password) })).status;
    expect([await signIn('alice', PASSWORD), await signIn('jürgen', 'other')]).toEqual([200, 200]);
    expect([await signIn('alice', 'other'), await signIn('jürgen', PASSWORD)]).toEqual([401, 401]);
    const again = '"msg":"file reloaded"';
    await htpasswd(['-B', '-C', '5'], file, 'alice', 'new');
    await waitForLog(service, again);
    expect([await signIn('alice', PASSWORD), await signIn('alice', 'new')]).toEqual([401, 200]);
    await run('htpasswd', ['-D', file, 'alice']);
    await waitForLog(service, again, 2);
    expect([await signIn('alice', 'new'), await signIn('jürgen', 'other')]).toEqual([401, 200]);
  } finally {
    await service.stop();
  }
});

describe('hashes of other kinds', () => {
  test.for([
    ['-m', 'an MD5 hash, which is too easy to guess'],
    ['-s', 'a SHA-1 hash, which is too easy to guess'],
    ['-d', 'a crypt hash, or a password in plain text'],
    ['-p', 'a password in plain text, or an unknown hash'],
    ['-2', 'a SHA-crypt hash, which is not supported'],
    ['-5', 'a SHA-crypt hash, which is not supported'],
  ] as const)('option %s is refused: %s', async ([option, kind]) => {
    const file = await htpasswd(['-c', option], join(folder, `of${option}`), 'alice', 'hunter2');
    const text = await readFile(file, 'utf8');
    const message = `must not contain ${kind}: `;
    expect(parseHtpasswd(text)).toMatchObject({ mistakes: [{ line: 1, message: expect.stringContaining(message) }] });
    if (option !== '-m' && option !== '-p') return;
    const failure = await start(file).then(
      async (service) => service.stop(),
      (error: unknown) => String(error),
    );
    expect(failure).toContain(`gitlab-registry-usage-rest: [auth] htpasswd_file: ${file}:1: ${message}`);
    expect(failure).not.toContain('hunter2');
  });
});

import { afterAll, describe, expect, test } from 'vitest';
import { createAccounts } from '../../src/auth/accounts.ts';
import { parseHtpasswd } from '../../src/auth/htpasswd.ts';
import { createPasswordChecker } from '../../src/auth/password-checker.ts';

/* The hashes were made by libxcrypt and OpenSSL. */

const PASSWORD = 'pä:s:wörd';
const LONG = 'x'.repeat(80);
const BCRYPT = 'abcdefghijklmnopqrstuurgN2JEUUFNQPJbSTHGnoIiSOjn/a5FS';
const BCRYPT_OF_LONG = '$2y$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i';
const BCRYPT_10 = '$2y$10$abcdefghijklmnopqrstuuxgT6aZhzXLdOs2rEXnf5ORNXMiPcfYS';
const ARGON2ID = '$argon2id$v=19$m=64,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$vIxCrqJAF4eZp0Z9RYFjjSVIlyXc7N6UqUN2hgOxWko';
const ARGON2I = '$argon2i$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$l+JmmbllW2SNx7XcgqnG46qg71mGNqfXeyF0abU74M0';

const checker = createPasswordChecker();
afterAll(() => checker.stop());

function accountsIn(text: string): ReadonlyMap<string, string> {
  const parsed = parseHtpasswd(text);
  if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.value;
}

function mistakes(text: string): readonly string[] {
  const parsed = parseHtpasswd(text);
  return 'mistakes' in parsed ? parsed.mistakes.map(({ line, message }) => `${line}: ${message}`) : [];
}

describe('the password checker', () => {
  test.for([
    ['bcrypt $2a$', `$2a$04$${BCRYPT}`],
    ['bcrypt $2b$', `$2b$04$${BCRYPT}`],
    ['bcrypt $2y$', `$2y$04$${BCRYPT}`],
    ['argon2id', ARGON2ID],
    ['argon2i', ARGON2I],
  ])('compares passwords with %s hashes', async ([, hash = '']) => {
    expect(await checker.matches(PASSWORD, hash)).toBe(true);
    for (const wrong of ['pä:s:wörD', `${PASSWORD}x`, 'x', LONG])
      expect(await checker.matches(wrong, hash)).toBe(false);
  });

  test('compares the 72 bytes that bcrypt uses', async () => {
    expect(await checker.matches(LONG, BCRYPT_OF_LONG)).toBe(true);
    expect(await checker.matches('x'.repeat(72), BCRYPT_OF_LONG)).toBe(true);
    expect(await checker.matches('x'.repeat(71), BCRYPT_OF_LONG)).toBe(false);
  });

  test('does not block the event loop', async () => {
    const answer = checker.matches(PASSWORD, BCRYPT_10).then(() => 'checked');
    const turns = new Promise((resolve) => setImmediate(() => setImmediate(resolve, 'two turns')));
    expect(await Promise.race([answer, turns])).toBe('two turns');
    expect(await answer).toBe('checked');
  });

  test('rejects a password if too many wait, and accepts passwords again later', async () => {
    const small = createPasswordChecker(3);
    const [first, second, third, fourth] = Array.from({ length: 4 }, () => small.matches(PASSWORD, ARGON2ID));
    await expect(fourth).rejects.toMatchObject({ kind: 'busy' });
    expect(await Promise.all([first, second, third])).toEqual([true, true, true]);
    expect(await small.matches(PASSWORD, ARGON2ID)).toBe(true);
    await small.stop();
  });

  test('rejects waiting passwords when its thread ends, and starts another thread for the next one', async () => {
    const one = createPasswordChecker();
    const waiting = one.matches(PASSWORD, BCRYPT_10).catch(String);
    await one.stop();
    expect(await waiting).toBe('Error: the password could not be checked');
    expect(await one.matches(PASSWORD, ARGON2ID)).toBe(true);
    await one.stop();
  });
});

describe('the sign-in method for a file', () => {
  const file = `alice:$2y$04$${BCRYPT}\nbob:${ARGON2ID}\n`;

  test('returns the principal for the right password, and tells a wrong password from an unknown user', async () => {
    const { check } = createAccounts(() => accountsIn(file), checker);
    expect(await check('alice', PASSWORD)).toEqual({ name: 'alice', groups: [] });
    expect(await check('bob', PASSWORD)).toEqual({ name: 'bob', groups: [] });
    expect(await check('alice', 'wrong')).toBe('wrong');
    for (const name of ['Alice', 'alice ', 'carol', '__proto__', '*', '']) {
      expect(await check(name, PASSWORD), name).toBe('unknown');
    }
  });

  test('compares the password of an unknown user with the hash of another account, so that the time does not tell them apart', async () => {
    const asked: string[] = [];
    const matches = async (_: string, hash: string) => asked.push(hash) > 0;
    const { check } = createAccounts(() => accountsIn(file), { matches });
    const names = Array.from({ length: 60 }, (_, number) => `nobody-${number}`);
    for (const name of names) expect(await check(name, PASSWORD), name).toBe('unknown');
    expect(asked).toHaveLength(names.length);
    expect(new Set(asked)).toEqual(new Set([`$2y$04$${BCRYPT}`, ARGON2ID]));
    const first = asked[0];
    await check('nobody-0', 'another');
    expect(asked.at(-1)).toBe(first);
  });

  test('knows no user if the file has no accounts', async () => {
    const { check } = createAccounts(() => accountsIn('# nobody yet\n\n'), checker);
    expect(await check('alice', PASSWORD)).toBe('unknown');
  });
});

describe('an htpasswd file', () => {
  test('may contain comments, blank lines, all kinds of line ends, and text after a second colon', () => {
    const text = `# accounts\r\n\r\nalice:${ARGON2ID}\r\n  \njürgen w:$2y$04$${BCRYPT}:Jürgen of sales`;
    expect([...accountsIn(text)]).toEqual([
      ['alice', ARGON2ID],
      ['jürgen w', `$2y$04$${BCRYPT}`],
    ]);
  });

  test.for([
    ['hunter2', 'a password in plain text, or an unknown hash'],
    ['', 'a password in plain text, or an unknown hash'],
    ['rqXexS6ZhobKA', 'a crypt hash, or a password in plain text'],
    ['$apr1$xxxxxxxx$NJGcQ3Hx0hk5YIhI5SfTj.', 'an MD5 hash, which is too easy to guess'],
    ['$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.', 'an MD5 hash, which is too easy to guess'],
    ['{SHA}87voXTD6MUZPQ+0rZxUIRYQ4bBk=', 'a SHA-1 hash, which is too easy to guess'],
    ['{SSHA}87voXTD6MUZPQ+0rZxUIRYQ4bBk=', 'a SHA-1 hash, which is too easy to guess'],
    ['$5$rounds=1000$salt$hash', 'a SHA-crypt hash, which is not supported'],
    ['$6$salt$hash', 'a SHA-crypt hash, which is not supported'],
    ['$y$j9T$salt$hash', 'an scrypt or yescrypt hash, which is not supported'],
    [
      '$2x$04$abcdefghijklmnopqrstuurgN2JEUUFNQPJbSTHGnoIiSOjn/a5FS',
      'a hash of an old bcrypt version with a known defect',
    ],
    ['$2y$04$abc', 'an invalid bcrypt hash'],
    [ARGON2ID.replace('argon2id', 'argon2d'), 'an argon2d hash, which is not meant for passwords'],
    [ARGON2ID.replace('v=19', 'v=16'), 'an Argon2 hash that is invalid, of an old version'],
    [ARGON2ID.replace('p=1', 'p=1,keyid=AAAA'), 'an Argon2 hash that is invalid, of an old version'],
    [ARGON2ID.replace('p=1', 'p=-1'), 'an Argon2 hash that is invalid, of an old version'],
  ])('reports the line with %s, gives advice, and does not quote the file', ([hash = '', kind]) => {
    const [message = '', ...others] = mistakes(`# accounts\nalice:${hash}\n`);
    expect(others).toEqual([]);
    expect(message).toContain(`2: must not contain ${kind}`);
    expect(message).toContain('`htpasswd -B -C 12`');
    if (hash !== '') expect(message).not.toContain(hash);
  });

  test('reports hashes that would take too much time or memory, with the limit', () => {
    const argon2 = (parameters: string) => mistakes(`a:${ARGON2ID.replace('m=64,t=2,p=1', parameters)}`);
    expect(mistakes(`a:$2y$15$${BCRYPT}`)).toEqual([expect.stringMatching(/^1: .* from 4 to 14, not 15$/)]);
    expect(mistakes(`a:$2y$31$${BCRYPT}`)).toHaveLength(1);
    expect(mistakes(`a:$2y$03$${BCRYPT}`)[0]).toContain('from 4 to 14, not 3');
    expect(mistakes(`a:$2y$14$${BCRYPT}`)).toEqual([]);
    expect(argon2('m=4194304,t=1,p=1')).toEqual([
      expect.stringMatching(/^1: .* at most m=262144 .*, not m=4194304, t=1, p=1$/),
    ]);
    expect(argon2('m=262144,t=4,p=4')).toEqual([]);
    expect(argon2('m=262144,t=5,p=4')[0]).toContain('m times t of an Argon2 hash must be at most 1048576');
    expect(argon2('m=8,t=999999999,p=1')[0]).toContain('m times t');
    expect(argon2('m=64,t=2,p=17')[0]).toContain('p from 1 to 16');
    expect(argon2('m=64,t=2,p=0')[0]).toContain('p from 1 to 16');
    expect(argon2('m=64,t=2,p=16')[0]).toContain('at least m=128 and t=1');
    expect(argon2('m=64,t=0,p=1')[0]).toContain('at least m=8 and t=1');
    expect(argon2('m=9999999999,t=1,p=1')[0]).toContain('an Argon2 hash that is invalid');
  });

  test('reports each line that repeats a user or is not an account', () => {
    expect(mistakes(`alice:${ARGON2ID}\nalice\n:${ARGON2ID}\n\0:${ARGON2ID}\nalice:${ARGON2I}\n`)).toEqual([
      '2: must be a user name, a colon and the hash of a password',
      '3: must be a user name, a colon and the hash of a password',
      '4: must be a user name, a colon and the hash of a password',
      '5: repeats the user of line 1: remove one of the two lines',
    ]);
  });
});

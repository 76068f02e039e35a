import { afterAll, describe, expect, test } from 'vitest';
import { createAccounts } from '../../src/auth/accounts.ts';
import { parseHtpasswd } from '../../src/auth/htpasswd.ts';
import { createPasswordChecker } from '../../src/auth/password-checker.ts';

/* What libxcrypt and OpenSSL have made of these passwords. */

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

describe('a password is held against', () => {
  test.for([
    ['bcrypt $2a$', `$2a$04$${BCRYPT}`],
    ['bcrypt $2b$', `$2b$04$${BCRYPT}`],
    ['bcrypt $2y$', `$2y$04$${BCRYPT}`],
    ['argon2id', ARGON2ID],
    ['argon2i', ARGON2I],
  ])('%s: the right one is right, and others are not', async ([, hash = '']) => {
    expect(await checker.matches(PASSWORD, hash)).toBe(true);
    for (const wrong of ['pä:s:wörD', `${PASSWORD}x`, 'x', LONG])
      expect(await checker.matches(wrong, hash)).toBe(false);
  });

  test('bcrypt as far as it goes: 72 bytes, as with whoever made the hash', async () => {
    expect(await checker.matches(LONG, BCRYPT_OF_LONG)).toBe(true);
    expect(await checker.matches('x'.repeat(72), BCRYPT_OF_LONG)).toBe(true);
    expect(await checker.matches('x'.repeat(71), BCRYPT_OF_LONG)).toBe(false);
  });

  test('a hash while the service goes on with other things', async () => {
    const answer = checker.matches(PASSWORD, BCRYPT_10).then(() => 'checked');
    const turns = new Promise((resolve) => setImmediate(() => setImmediate(resolve, 'two turns')));
    expect(await Promise.race([answer, turns])).toBe('two turns');
    expect(await answer).toBe('checked');
  });

  test('nothing where too many wait, and again when they have gone', async () => {
    const small = createPasswordChecker(3);
    const [first, second, third, fourth] = Array.from({ length: 4 }, () => small.matches(PASSWORD, ARGON2ID));
    await expect(fourth).rejects.toMatchObject({ kind: 'busy' });
    expect(await Promise.all([first, second, third])).toEqual([true, true, true]);
    expect(await small.matches(PASSWORD, ARGON2ID)).toBe(true);
    await small.stop();
  });

  test('nothing any more when the thread ends: whoever waits is told, and the next one gets another thread', async () => {
    const one = createPasswordChecker();
    const waiting = one.matches(PASSWORD, BCRYPT_10).catch(String);
    await one.stop();
    expect(await waiting).toBe('Error: the password could not be checked');
    expect(await one.matches(PASSWORD, ARGON2ID)).toBe(true);
    await one.stop();
  });
});

describe('the accounts of a file', () => {
  const file = `alice:$2y$04$${BCRYPT}\nbob:${ARGON2ID}\n`;

  test('let in whoever has the password, tell a wrong one, and know nobody else', async () => {
    const { check } = createAccounts(() => accountsIn(file), checker);
    expect(await check('alice', PASSWORD)).toEqual({ name: 'alice', groups: [] });
    expect(await check('bob', PASSWORD)).toEqual({ name: 'bob', groups: [] });
    expect(await check('alice', 'wrong')).toBe('wrong');
    for (const name of ['Alice', 'alice ', 'carol', '__proto__', '*', '']) {
      expect(await check(name, PASSWORD), name).toBe('unknown');
    }
  });

  test('take a password for a name that is not there as they do for one that is: a hash is worked through, of any cost in the file', async () => {
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

  test('may be none', async () => {
    const { check } = createAccounts(() => accountsIn('# nobody yet\n\n'), checker);
    expect(await check('alice', PASSWORD)).toBe('unknown');
  });
});

describe('a file of accounts', () => {
  test('may hold comments, blank lines, line ends of any kind, and remarks behind a second colon', () => {
    const text = `# accounts\r\n\r\nalice:${ARGON2ID}\r\n  \njürgen w:$2y$04$${BCRYPT}:Jürgen of sales`;
    expect([...accountsIn(text)]).toEqual([
      ['alice', ARGON2ID],
      ['jürgen w', `$2y$04$${BCRYPT}`],
    ]);
  });

  test.for([
    ['hunter2', 'a password in plain text, or no hash that we know'],
    ['', 'a password in plain text, or no hash that we know'],
    ['rqXexS6ZhobKA', 'a hash of crypt, or a password in plain text'],
    ['$apr1$xxxxxxxx$NJGcQ3Hx0hk5YIhI5SfTj.', 'an MD5 hash, which is guessed too quickly'],
    ['$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.', 'an MD5 hash, which is guessed too quickly'],
    ['{SHA}87voXTD6MUZPQ+0rZxUIRYQ4bBk=', 'a SHA-1 hash, which is guessed too quickly'],
    ['{SSHA}87voXTD6MUZPQ+0rZxUIRYQ4bBk=', 'a SHA-1 hash, which is guessed too quickly'],
    ['$5$rounds=1000$salt$hash', 'a hash of SHA-crypt, which is not supported'],
    ['$6$salt$hash', 'a hash of SHA-crypt, which is not supported'],
    ['$y$j9T$salt$hash', 'a hash of scrypt or yescrypt, which is not supported'],
    ['$2x$04$abcdefghijklmnopqrstuurgN2JEUUFNQPJbSTHGnoIiSOjn/a5FS', 'a hash of a bcrypt that was broken itself'],
    ['$2y$04$abc', 'a broken bcrypt hash'],
    [ARGON2ID.replace('argon2id', 'argon2d'), 'a hash of argon2d, which is not for passwords'],
    [ARGON2ID.replace('v=19', 'v=16'), 'a broken Argon2 hash, or one of an old version'],
    [ARGON2ID.replace('p=1', 'p=1,keyid=AAAA'), 'a broken Argon2 hash, or one of an old version'],
    [ARGON2ID.replace('p=1', 'p=-1'), 'a broken Argon2 hash, or one of an old version'],
  ])(
    'with %s is refused by its line, with what to do, and without a word of what stands there',
    ([hash = '', kind]) => {
      const [told = '', ...others] = mistakes(`# accounts\nalice:${hash}\n`);
      expect(others).toEqual([]);
      expect(told).toContain(`2: holds ${kind}`);
      expect(told).toContain('; expected bcrypt, as `htpasswd -B -C 12` writes it, or Argon2');
      if (hash !== '') expect(told).not.toContain(hash);
    },
  );

  test('that would keep the service busy, or take all its memory, is refused, with the bound', () => {
    const argon2 = (parameters: string) => mistakes(`a:${ARGON2ID.replace('m=64,t=2,p=1', parameters)}`);
    expect(mistakes(`a:$2y$15$${BCRYPT}`)).toEqual(['1: holds a bcrypt hash of cost 15; expected at most 14']);
    expect(mistakes(`a:$2y$31$${BCRYPT}`)).toHaveLength(1);
    expect(mistakes(`a:$2y$03$${BCRYPT}`)[0]).toContain('of cost 3, which there is not');
    expect(mistakes(`a:$2y$14$${BCRYPT}`)).toEqual([]);
    expect(argon2('m=4194304,t=1,p=1')).toEqual([
      '1: holds an Argon2 hash of m=4194304, t=1, p=1; expected at most m=262144, which is 256 MiB',
    ]);
    expect(argon2('m=262144,t=4,p=4')).toEqual([]);
    expect(argon2('m=262144,t=5,p=4')[0]).toContain('expected m times t to be at most 1048576');
    expect(argon2('m=8,t=999999999,p=1')[0]).toContain('expected m times t');
    expect(argon2('m=64,t=2,p=17')[0]).toContain('expected p from 1 to 16');
    expect(argon2('m=64,t=2,p=0')[0]).toContain('expected p from 1 to 16');
    expect(argon2('m=64,t=2,p=16')[0]).toContain('expected at least m=128 and t=1');
    expect(argon2('m=64,t=0,p=1')[0]).toContain('expected at least m=8 and t=1');
    expect(argon2('m=9999999999,t=1,p=1')[0]).toContain('a broken Argon2 hash');
  });

  test('that says two things of one user, or has a line that is no account, is refused for each such line', () => {
    expect(mistakes(`alice:${ARGON2ID}\nalice\n:${ARGON2ID}\n\0:${ARGON2ID}\nalice:${ARGON2I}\n`)).toEqual([
      '2: is not a name, a colon and the hash of a password',
      '3: is not a name, a colon and the hash of a password',
      '4: is not a name, a colon and the hash of a password',
      '5: is a second account of the user in line 1; keep one of them',
    ]);
  });
});

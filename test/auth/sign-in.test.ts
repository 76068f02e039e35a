import { expect, test } from 'vitest';
import { createSignIn, type SignInMethod, type Verdict } from '../../src/auth/sign-in.ts';

const ALICE = { name: 'alice', groups: ['10000'] };

function signIn(...methods: readonly (readonly [name: string, verdict: Verdict | Error])[]) {
  const reports: string[] = [];
  const asked: string[] = [];
  const { authenticate } = createSignIn(
    methods.map(
      ([name, verdict]): SignInMethod => ({
        name,
        async check() {
          asked.push(name);
          if (verdict instanceof Error) throw verdict;
          return verdict;
        },
      }),
    ),
    {
      signedIn: (user, method) => reports.push(`${user} signed in by ${method}`),
      refused: (user, names) => reports.push(`${user} refused by ${names.join(' and ')}`),
      methodFailed: (method, error) => reports.push(`${method} failed: ${String(error)}`),
    },
  );
  return { result: authenticate('alice', 'secret').catch(String), asked, reports };
}

const down = new Error('down');

test('asks the methods in turn, and returns the principal of the first one that accepts the user', async () => {
  const { result, asked, reports } = signIn(['ldap', 'unknown'], ['htpasswd', ALICE], ['third', ALICE]);
  expect([await result, asked, reports]).toEqual([ALICE, ['ldap', 'htpasswd'], ['alice signed in by htpasswd']]);
});

test('asks the next method after a wrong password: the methods may know different people by one name', async () => {
  expect(await signIn(['htpasswd', 'wrong'], ['ldap', ALICE]).result).toEqual(ALICE);
});

test('refuses a user whom no method accepts, and reports the methods', async () => {
  const { result, reports } = signIn(['ldap', 'unknown'], ['htpasswd', 'wrong']);
  expect([await result, reports]).toEqual([undefined, ['alice refused by ldap and htpasswd']]);
});

test('skips a method that fails if another one accepts the user, and reports the failure', async () => {
  const { result, reports } = signIn(['ldap', down], ['htpasswd', ALICE]);
  expect([await result, reports]).toEqual([ALICE, ['ldap failed: Error: down', 'alice signed in by htpasswd']]);
});

test('throws the error of a method that fails if no other method knows the user', async () => {
  const { result, reports } = signIn(['ldap', down], ['htpasswd', 'unknown']);
  expect([await result, reports]).toEqual(['Error: down', []]);
});

test('refuses a wrong password for a user that one method knows while another one fails', async () => {
  // Otherwise the failure would let an attacker guess the password meanwhile.
  for (const order of [0, 1]) {
    const methods = [['ldap', down] as const, ['htpasswd', 'wrong'] as const];
    const { result, reports } = signIn(...(order === 0 ? methods : methods.reverse()));
    expect(await result).toBeUndefined();
    expect(reports).toContain('ldap failed: Error: down');
  }
});

import { expect, test } from 'vitest';
import { createSignIn, type Method, type Verdict } from '../../src/auth/sign-in.ts';

/* Several places where users may be known, and what is told of them. */

function signIn(...methods: readonly (readonly [name: string, verdict: Verdict | Error])[]) {
  const told: string[] = [];
  const asked: string[] = [];
  const { authenticate } = createSignIn(
    methods.map(
      ([name, verdict]): Method => ({
        name,
        async ask() {
          asked.push(name);
          if (verdict instanceof Error) throw verdict;
          return verdict;
        },
      }),
    ),
    {
      signedIn: (user, method) => told.push(`${user} by ${method}`),
      refused: (user, names) => told.push(`${user} refused by ${names.join(' and ')}`),
      passedOver: (method, error) => told.push(`${method} passed over: ${String(error)}`),
    },
  );
  return { result: authenticate('alice', 'secret').catch(String), asked, told };
}

const down = new Error('down');

test('they are asked in turn, and the first one that lets the user in is enough', async () => {
  const { result, asked, told } = signIn(['ldap', 'unknown'], ['htpasswd', 'right'], ['third', 'right']);
  expect([await result, asked, told]).toEqual([true, ['ldap', 'htpasswd'], ['alice by htpasswd']]);
});

test('a wrong password in one place may be right in the next: they are different people of one name', async () => {
  expect(await signIn(['htpasswd', 'wrong'], ['ldap', 'right']).result).toBe(true);
});

test('whom nobody lets in is refused, and the log has the name and who was asked', async () => {
  const { result, told } = signIn(['ldap', 'unknown'], ['htpasswd', 'wrong']);
  expect([await result, told]).toEqual([false, ['alice refused by ldap and htpasswd']]);
});

test('one that is down keeps nobody out whom another one lets in, and is told', async () => {
  const { result, told } = signIn(['ldap', down], ['htpasswd', 'right']);
  expect([await result, told]).toEqual([true, ['ldap passed over: Error: down', 'alice by htpasswd']]);
});

test('where one is down and the others know nobody of that name, nobody can tell', async () => {
  const { result, told } = signIn(['ldap', down], ['htpasswd', 'unknown']);
  expect([await result, told]).toEqual(['Error: down', []]);
});

test('where one is down, a wrong password for a name that another one knows is a wrong password: else it could be guessed meanwhile', async () => {
  for (const order of [0, 1]) {
    const methods = [['ldap', down] as const, ['htpasswd', 'wrong'] as const];
    const { result, told } = signIn(...(order === 0 ? methods : methods.reverse()));
    expect(await result).toBe(false);
    expect(told).toContain('ldap passed over: Error: down');
  }
});

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { type LabService, startService } from '../../lab/service.ts';
import { basic } from '../support/whole-lab.ts';

/* Ten thousand wrong passwords from several addresses, against the service as an operator runs it and a real OpenLDAP, whose log shows how many
 * it has checked. */

const GUESSERS = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
const GUESSES = 10_000;
const SOCKETS_EACH = 5;
/** How many failures an address has for a user before it must wait one second, two, four and so on. */
const FREE = 10;
const AT_A_TIME = 10;

let directory: LabDirectory;
let service: LabService;

beforeAll(async () => {
  directory = await startDirectory({ isLogging: true });
  service = await startService({
    ldap: { host: directory.ldapsUrl, base_dn: directory.baseDn, valid_gid: VALID_GID, ca_file: directory.caFile },
    jwt: { secret_key: 'the secret key of this run: at least 32 bytes' },
    registry: { registry_base_url: `http://127.0.0.1:${await freePort()}/`, discovery: 'catalog' },
  });
});

afterAll(async () => {
  await service.stop();
  await directory.remove();
});

/** Tries these passwords, ten at a time, as attack tools do, and returns the statuses of the responses. */
function signIns(localAddress: string, passwords: readonly string[], onFirst?: () => void): Promise<readonly string[]> {
  const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1', localAddress });
  const statuses: string[] = [];
  let rest = '';
  const sendSome = (): void => {
    const next = passwords.slice(statuses.length, statuses.length + AT_A_TIME);
    socket.write(next.map(question).join(''));
  };
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    const parts = (rest + chunk).split(/(?=HTTP\/1\.1 \d{3} )/);
    rest = parts.pop() ?? '';
    for (const part of [...parts, ...(/\r\n\r\n\{.*\}$/s.test(rest) ? [rest] : [])]) {
      statuses.push(part.slice(9, 12));
      if (part === rest) rest = '';
      onFirst?.();
      if (statuses.length === passwords.length) socket.end();
      else if (statuses.length % AT_A_TIME === 0) sendSome();
    }
  });
  sendSome();
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once('close', () => resolve(statuses));
  });
}

function question(password: string): string {
  return `GET /auth_token HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('alice', password).authorization}\r\n\r\n`;
}

/** Returns how many passwords slapd has checked, from its log (slapd.conf(5), loglevel stats). The search binds anonymously. */
function binds(): number {
  return directory.log().match(/ BIND dn="[^"]+" method=128$/gm)?.length ?? 0;
}

test('passes a few dozen of ten thousand wrong passwords to the directory, while the user signs in from another address', async () => {
  const begun = Promise.withResolvers<void>();
  const startedAt = performance.now();
  let isOver = false;
  const storm = Promise.all(
    GUESSERS.flatMap((address) =>
      Array.from({ length: SOCKETS_EACH }, (_, i) => {
        const count = GUESSES / GUESSERS.length / SOCKETS_EACH;
        const guesses = Array.from({ length: count }, (_, j) => `guess-${i}-${j}`);
        return signIns(address, guesses, begun.resolve);
      }),
    ),
  ).finally(() => {
    isOver = true;
  });
  await begun.promise;
  const mine: (readonly string[])[] = [];
  let longestMs = 0;
  while (!isOver) {
    const askedAt = performance.now();
    mine.push(await signIns('127.0.0.9', ['alice-secret']));
    longestMs = Math.max(longestMs, performance.now() - askedAt);
    await sleep(20);
  }
  const answers = (await storm).flat();
  const seconds = (performance.now() - startedAt) / 1000;
  const count = (wanted: string): number => answers.filter((status) => status === wanted).length;

  expect(count('401') + count('429') + count('503')).toBe(GUESSES);
  expect(count('401')).toBeGreaterThanOrEqual(GUESSERS.length * FREE);
  // Each wait is twice as long as the previous one.
  expect(count('401')).toBeLessThanOrEqual(GUESSERS.length * (FREE + 1 + Math.ceil(Math.log2(seconds + 1))));
  expect(mine.length).toBeGreaterThan(3);
  expect(new Set(mine.flat())).toEqual(new Set(['200']));
  expect(longestMs).toBeLessThan(5000);
  expect(binds()).toBe(count('401') + mine.length);

  const guesser = GUESSERS[0] ?? '';
  while ((await signIns(guesser, ['a guess'])).includes('429')) await sleep(50); // until a further failure has started a new wait
  const [refused] = await signIns(guesser, ['alice-secret']);
  expect(refused).toBe('429');
  expect(await signIns('127.0.0.9', ['alice-secret'])).toEqual(['200']);
});

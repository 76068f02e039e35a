import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { createReloadedFile, type Parsed, type ReloadedFile } from '../../src/auth/reloaded-file.ts';
import { parseRevokedTokens, revokedUntil } from '../../src/auth/revoked-tokens.ts';

let folder: string;
beforeAll(async () => {
  folder = await inNewDirectory('watched', async (directory) => directory);
});
afterAll(() => removeDirectory(folder));

/** What is right says `good`. */
function parse(text: string): Parsed<string> {
  return text.startsWith('good') ? { value: text } : { mistakes: [{ line: 1, message: 'is not good' }] };
}

function watch(path: string): { file: ReloadedFile<string>; told: string[] } {
  const told: string[] = [];
  const file = createReloadedFile({
    path,
    setting: '[a] b',
    parse,
    exposingMode: 0o026,
    report: {
      readAgain: () => told.push('read again'),
      notRead: (_, problems) => told.push(...problems),
      exposed: (setting, exposed) => told.push(`${setting} ${exposed} exposed`),
    },
  });
  return { file, told };
}

describe('a file of the operator', () => {
  test('that changes is read again, once, also where it is replaced or given another mode', () => {
    const path = join(folder, 'changing');
    writeFileSync(path, 'good 1', { mode: 0o600 });
    const { file, told } = watch(path);
    file.look();
    expect([file.current(), told]).toEqual(['good 1', []]);
    writeFileSync(path, 'good 22');
    file.look();
    file.look();
    expect([file.current(), told]).toEqual(['good 22', ['read again']]);
    writeFileSync(`${path}.new`, 'good 33', { mode: 0o600 });
    renameSync(`${path}.new`, path);
    file.look();
    expect(file.current()).toBe('good 33');
    chmodSync(path, 0o604);
    file.look();
    expect(told).toEqual(['read again', 'read again', 'read again', `[a] b ${path} exposed`]);
  });

  test('that is not right any more counts as it was, and what is wrong is told once', () => {
    const path = join(folder, 'breaking');
    writeFileSync(path, 'good', { mode: 0o600 });
    const { file, told } = watch(path);
    const breakages: readonly (readonly [() => void, string])[] = [
      [() => writeFileSync(path, 'bad'), `${path}:1: is not good`],
      [() => writeFileSync(path, Buffer.from([0x67, 0xff])), `${path} is not UTF-8`],
      [() => writeFileSync(path, 'good'.repeat(300_000)), `${path} is larger than 1 MiB`],
      [() => rmSync(path), `${path} is not there`],
      [() => mkdirSync(path), `${path} is no file`],
    ];
    for (const [breakIt, problem] of breakages) {
      breakIt();
      file.look();
      file.look();
      expect(told.splice(0)).toEqual([problem]);
      expect(file.current()).toBe('good');
    }
    rmSync(path, { recursive: true });
    writeFileSync(path, 'good again', { mode: 0o600 });
    file.look();
    expect([file.current(), told]).toEqual(['good again', ['read again']]);
  });

  test('that is not right at the start is an error with the setting, the file and the line', () => {
    const path = join(folder, 'wrong');
    expect(() => watch(path)).toThrow(`[a] b: ${path} is not there`);
    writeFileSync(path, 'bad');
    expect(() => watch(path)).toThrow(`[a] b: ${path}:1: is not good`);
    expect(() => watch(folder)).toThrow(`[a] b: ${folder} is no file`);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(() => watch(pipe)).toThrow(`[a] b: ${pipe} is no file`);
  });

  test.for([
    [0o600, false],
    [0o640, false],
    [0o644, true],
    [0o660, true],
    [0o602, true],
  ] as const)('of mode %o: whether others read or write it is told: %s', ([mode, isTold]) => {
    const path = join(folder, `mode-${mode}`);
    writeFileSync(path, 'good');
    chmodSync(path, mode);
    expect(watch(path).told).toEqual(isTold ? [`[a] b ${path} exposed`] : []);
  });

  test('behind a link is the file that the link leads to, and a link that is turned is a change', () => {
    const [one, two, link] = ['one', 'two', 'link'].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(one, 'good 1', { mode: 0o600 });
    writeFileSync(two, 'good 2', { mode: 0o600 });
    symlinkSync(one, link);
    const { file } = watch(link);
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    file.look();
    expect(file.current()).toBe('good 2');
  });
});

describe('a file of those who are logged out', () => {
  const MOMENT = Date.UTC(2026, 2, 1, 3) / 1000;

  function endedIn(text: string): (user: string) => number | undefined {
    const parsed = parseRevokedTokens(text);
    if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
    return (user) => revokedUntil(parsed.value, user);
  }

  test('has a user and a moment in every line, in one of two spellings', () => {
    const ended = endedIn(
      `# at night\n\nalice 2026-03-01T03:00:00Z\nJürgen  W\t2026-03-01T04:00:00.9+01:00\r\nbob ${MOMENT}\n`,
    );
    for (const user of ['alice', 'Jürgen  W', 'bob']) expect(ended(user), user).toBe(MOMENT);
    expect(ended('carol')).toBeUndefined();
  });

  test('means a user by every spelling that a directory takes for the name', () => {
    const ended = endedIn(`Jürgen Groß ${MOMENT}`);
    for (const user of ['jürgen groß', 'JÜRGEN GROSS', ' Ju\u0308rgen   Groß ', 'jür\u00adgen groß', 'jurgen gross'])
      expect(ended(user), user).toBe(MOMENT);
    expect(ended('jürgen')).toBeUndefined();
  });

  test('means everyone by a star, and the latest of several moments', () => {
    const ended = endedIn(`* ${MOMENT}\nalice ${MOMENT + 5}\nbob ${MOMENT - 5}\nalice ${MOMENT + 3}\n* ${MOMENT - 9}`);
    expect(['alice', 'bob', 'carol'].map(ended)).toEqual([MOMENT + 5, MOMENT, MOMENT]);
    expect(endedIn('')('alice')).toBeUndefined();
  });

  test.for([
    'alice',
    '2026-03-01T03:00:00Z',
    'alice 2026-03-01',
    'alice now',
    'alice 2026-03-01T03:00:00',
    'alice 2026-13-01T03:00:00Z',
    'alice Sun Mar  1 03:00:00 UTC 2026',
    'alice -5',
    'alice 1772334000000',
  ])('with the line "%s" is not right, and says how it would be', (line) => {
    const parsed = parseRevokedTokens(`* ${MOMENT}\n${line}\n`);
    expect('mistakes' in parsed && parsed.mistakes).toEqual([
      { line: 2, message: expect.stringContaining('2026-03-01T03:00:00Z') },
    ]);
  });
});

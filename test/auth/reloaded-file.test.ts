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

/** Accepts texts that begin with `good`. */
function parse(text: string): Parsed<string> {
  return text.startsWith('good') ? { value: text } : { mistakes: [{ line: 1, message: 'must begin with good' }] };
}

function open(path: string): { file: ReloadedFile<string>; reports: string[] } {
  const reports: string[] = [];
  const file = createReloadedFile({
    path,
    setting: '[a] b',
    parse,
    exposingMode: 0o026,
    report: {
      reloaded: () => reports.push('reloaded'),
      notReloaded: (_, problems) => reports.push(...problems),
      exposed: (setting, exposed) => reports.push(`${setting} ${exposed} exposed`),
    },
  });
  return { file, reports };
}

describe('a reloaded file', () => {
  test('is read once after each change of its content or mode, and after it was replaced', () => {
    const path = join(folder, 'changing');
    writeFileSync(path, 'good 1', { mode: 0o600 });
    const { file, reports } = open(path);
    file.check();
    expect([file.current(), reports]).toEqual(['good 1', []]);
    writeFileSync(path, 'good 22');
    file.check();
    file.check();
    expect([file.current(), reports]).toEqual(['good 22', ['reloaded']]);
    writeFileSync(`${path}.new`, 'good 33', { mode: 0o600 });
    renameSync(`${path}.new`, path);
    file.check();
    expect(file.current()).toBe('good 33');
    chmodSync(path, 0o604);
    file.check();
    expect(reports).toEqual(['reloaded', 'reloaded', 'reloaded', `[a] b ${path} exposed`]);
  });

  test('keeps its last valid content while it is invalid, and reports each problem once', () => {
    const path = join(folder, 'breaking');
    writeFileSync(path, 'good', { mode: 0o600 });
    const { file, reports } = open(path);
    const breakages: readonly (readonly [() => void, string])[] = [
      [() => writeFileSync(path, 'bad'), `${path}:1: must begin with good`],
      [() => writeFileSync(path, Buffer.from([0x67, 0xff])), `${path} must be UTF-8`],
      [() => writeFileSync(path, 'good'.repeat(300_000)), `${path} must not be larger than 1 MiB`],
      [() => rmSync(path), `${path} does not exist`],
      [() => mkdirSync(path), `${path} must be a regular file`],
    ];
    for (const [breakIt, problem] of breakages) {
      breakIt();
      file.check();
      file.check();
      expect(reports.splice(0)).toEqual([problem]);
      expect(file.current()).toBe('good');
    }
    rmSync(path, { recursive: true });
    writeFileSync(path, 'good again', { mode: 0o600 });
    file.check();
    expect([file.current(), reports]).toEqual(['good again', ['reloaded']]);
  });

  test('throws with the setting, the file and the line if it is invalid at the start', () => {
    const path = join(folder, 'wrong');
    expect(() => open(path)).toThrow(`[a] b: ${path} does not exist`);
    writeFileSync(path, 'bad');
    expect(() => open(path)).toThrow(`[a] b: ${path}:1: must begin with good`);
    expect(() => open(folder)).toThrow(`[a] b: ${folder} must be a regular file`);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(() => open(pipe)).toThrow(`[a] b: ${pipe} must be a regular file`);
  });

  test.for([
    [0o600, false],
    [0o640, false],
    [0o644, true],
    [0o660, true],
    [0o602, true],
  ] as const)('reports whether a file with mode %o is exposed to other users: %s', ([mode, isExposed]) => {
    const path = join(folder, `mode-${mode}`);
    writeFileSync(path, 'good');
    chmodSync(path, mode);
    expect(open(path).reports).toEqual(isExposed ? [`[a] b ${path} exposed`] : []);
  });

  test('follows a symbolic link, also after the link was changed', () => {
    const [one, two, link] = ['one', 'two', 'link'].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(one, 'good 1', { mode: 0o600 });
    writeFileSync(two, 'good 2', { mode: 0o600 });
    symlinkSync(one, link);
    const { file } = open(link);
    symlinkSync(two, `${link}.new`);
    renameSync(`${link}.new`, link);
    file.check();
    expect(file.current()).toBe('good 2');
  });
});

describe('the file of revoked tokens', () => {
  const TIME = Date.UTC(2026, 2, 1, 3) / 1000;

  function revokedIn(text: string): (user: string) => number | undefined {
    const parsed = parseRevokedTokens(text);
    if ('mistakes' in parsed) throw new Error(JSON.stringify(parsed.mistakes));
    return (user) => revokedUntil(parsed.value, user);
  }

  test('has a user and a time in each line, in one of two formats', () => {
    const revoked = revokedIn(
      `# at night\n\nalice 2026-03-01T03:00:00Z\nJürgen  W\t2026-03-01T04:00:00.9+01:00\r\nbob ${TIME}\n`,
    );
    for (const user of ['alice', 'Jürgen  W', 'bob']) expect(revoked(user), user).toBe(TIME);
    expect(revoked('carol')).toBeUndefined();
  });

  test('applies to all spellings that a directory takes for the name', () => {
    const revoked = revokedIn(`Jürgen Groß ${TIME}`);
    for (const user of ['jürgen groß', 'JÜRGEN GROSS', ' Ju\u0308rgen   Groß ', 'jür\u00adgen groß', 'jurgen gross'])
      expect(revoked(user), user).toBe(TIME);
    expect(revoked('jürgen')).toBeUndefined();
  });

  test('applies to all users with *, and uses the latest of several times', () => {
    const revoked = revokedIn(`* ${TIME}\nalice ${TIME + 5}\nbob ${TIME - 5}\nalice ${TIME + 3}\n* ${TIME - 9}`);
    expect(['alice', 'bob', 'carol'].map(revoked)).toEqual([TIME + 5, TIME, TIME]);
    expect(revokedIn('')('alice')).toBeUndefined();
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
  ])('reports the line "%s", and shows what it must be', (line) => {
    const parsed = parseRevokedTokens(`* ${TIME}\n${line}\n`);
    expect('mistakes' in parsed && parsed.mistakes).toEqual([
      { line: 2, message: expect.stringContaining('2026-03-01T03:00:00Z') },
    ]);
  });
});

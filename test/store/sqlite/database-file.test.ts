import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { startChild } from '../../../lab/child.ts';
import type { RepositoryName } from '../../../src/domain/names.ts';
import { MIGRATIONS } from '../../../src/store/sqlite/migrations.ts';
import { openStore } from '../../../src/store/sqlite/open-store.ts';
import { collected, image } from '../../support/sample-registry-content.ts';
import { directory, newFile, open, RETENTION, WRITER_COMMAND } from '../../support/store-sample.ts';

const APP = 'group/app' as RepositoryName;

/** Why the file cannot be opened; the message ends with its path. */
function refusal(file: string): string {
  try {
    open(file).close();
  } catch (error) {
    const { kind, reason, message } = error as { kind: string; reason: string; message: string };
    expect({ kind, message }).toEqual({ kind: 'store', message: `${reason} (${file})` });
    expect(message).not.toContain('\n');
    return reason;
  }
  return 'none';
}

/** The file of a store with some content, closed again. */
async function filled(count = 1): Promise<string> {
  const file = newFile();
  const store = open(file);
  for (let i = 0; i < count; i++) await store.catalogue.saveManifest(image(`${i}`));
  await store.catalogue.saveRepository({ name: APP, reading: undefined, failure: undefined });
  const { snapshot, findings } = collected([image('0')]);
  await store.snapshots.save(snapshot, findings, 'collection');
  store.close();
  return file;
}

/** Stands for what is in the file. */
function sumOf(file: string): string {
  return hash('sha256', readFileSync(file));
}

function sql(file: string, statements: string): void {
  const database = new DatabaseSync(file);
  database.exec(statements);
  database.close();
}

/** A file that was there before us, with that in it. */
function written(bytes: Uint8Array): string {
  const file = newFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

test('a store is of one registry', async () => {
  const file = await filled();
  const elsewhere = () =>
    openStore({ file, registryUrl: 'https://other.example.com/', retention: RETENTION, clock: () => 0 });
  const before = sumOf(file);
  expect(elsewhere).toThrow(
    'the store is of another registry, https://registry.example.com/; name another file, or move it away',
  );
  expect(sumOf(file)).toBe(before);
  expect(refusal(file)).toBe('none');
});

test('a process that was killed while it moved pages out of its log leaves a whole store', async () => {
  const file = newFile();
  const store = open(file);
  const body = new Uint8Array(200_000);
  for (let i = 0; i < 10; i++)
    await store.catalogue.saveManifest({ ...image(`${i}`), served: { contentType: '', body: body.fill(i) } });
  await store.catalogue.begin({ startedAt: 1, isThorough: false });
  // As the disk is in the middle of it: the first page says already how long the file is going to be.
  const [log, main] = [readFileSync(`${file}-wal`), readFileSync(file)];
  store.close();
  const whole = readFileSync(file);
  writeFileSync(file, Buffer.concat([whole.subarray(0, 4096), main.subarray(4096)]));
  writeFileSync(`${file}-wal`, log);
  expect(refusal(file)).toBe('none');
  const again = open(file);
  await again.check();
  expect(await again.catalogue.unfinished()).toEqual({ startedAt: 1, isThorough: false });
  again.close();
});

test('a new file and the directories above it are for the service alone', async () => {
  const file = `${directory}/new/directories/usage.db`;
  const store = open(file);
  await store.catalogue.begin({ startedAt: 1, isThorough: false });
  const modes = [dirname(dirname(file)), dirname(file), file, `${file}-wal`].map((path) => statSync(path).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
  store.close();
  store.close();
  expect(existsSync(`${file}-wal`)).toBe(false);
});

test('a file that has nothing in it yet is taken', () => {
  expect(refusal(written(new Uint8Array()))).toBe('none');
});

test.for([
  ['that is no database', Buffer.from('no database, but long enough to look at '.repeat(100))],
  ['that is a few bytes', Buffer.from('x')],
])('a file %s is refused and left as it is', ([, bytes]) => {
  const file = written(bytes as Uint8Array);
  expect(refusal(file)).toBe('the file is no SQLite database; move it away, and everything is read anew');
  expect(readFileSync(file, 'utf8')).toBe(String(bytes));
});

test.for(['delete', 'wal'])('the database of another program is refused and left as it is (%s)', (mode) => {
  const file = written(new Uint8Array());
  const other = new DatabaseSync(file);
  other.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)`);
  const before = sumOf(file);
  const siblings = [`${file}-wal`, `${file}-shm`].map((path) => existsSync(path));
  expect(refusal(file)).toBe('the file is the database of another program; name another file');
  expect(sumOf(file)).toBe(before);
  expect([`${file}-wal`, `${file}-shm`].map((path) => existsSync(path))).toEqual(siblings);
  expect({ ...other.prepare('SELECT a FROM theirs').get() }).toEqual({ a: 1 });
  other.close();
});

test('a store that a later version wrote is refused and left as it is', async () => {
  const file = await filled();
  sql(file, `PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  const before = sumOf(file);
  expect(refusal(file)).toBe(
    `the store was written by a later version of this service: its schema is ${MIGRATIONS.length + 1}, and ${MIGRATIONS.length} is the last that this one knows`,
  );
  expect(sumOf(file)).toBe(before);
});

test('a directory, and a file below a file, are refused', () => {
  mkdirSync(`${directory}/is-a-directory`);
  expect(refusal(`${directory}/is-a-directory`)).toBe('the store cannot be opened: it is a directory');
  writeFileSync(`${directory}/is-a-file`, '');
  const below = 'the store cannot be made: what should be its directory is none';
  expect(refusal(`${directory}/is-a-file/usage.db`)).toBe(below);
  expect(refusal(`${directory}/is-a-file/below/usage.db`)).toBe(below);
});

test('a place where nothing can be made is refused', () => {
  expect(refusal('/proc/not-there/usage.db')).toMatch(/^the store cannot be made: /);
});

test('a truncated file is damaged', async () => {
  const file = await filled(200);
  truncateSync(file, statSync(file).size / 2);
  let reason = refusal(file);
  if (reason === 'none') {
    const store = open(file);
    reason = await store.check().then(
      () => 'none',
      (error: { reason: string }) => error.reason,
    );
    store.close();
  }
  expect(reason).toMatch(/^the store is damaged; move it away, and everything is read anew/);
});

test('the check finds pages that are not what they were, and a whole file is none to it', async () => {
  const file = await filled(200);
  const whole = open(file);
  await whole.check();
  whole.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, 40 * 4096, 42 * 4096);
  writeFileSync(file, bytes);
  const store = open(file);
  await expect(store.check()).rejects.toMatchObject({ kind: 'store', reason: /^the store is damaged; move it away/ });
  store.close();
});

test('the check finds what refers to what is not there', async () => {
  const file = await filled();
  sql(file, 'PRAGMA foreign_keys = OFF; DELETE FROM node WHERE number = 1');
  const store = open(file);
  await expect(store.check()).rejects.toMatchObject({
    reason: /^the store is damaged; .*: figures refers to what is not/,
  });
  store.close();
});

test('a manifest whose bytes are not what they were was never read, and can be saved anew', async () => {
  const file = await filled(2);
  sql(file, `UPDATE manifest SET body = CAST(replace(CAST(body AS TEXT), '100', '101') AS BLOB) WHERE rowid = 1`);
  const { catalogue } = open(file);
  const digests = [image('0').digest, image('1').digest];
  expect([...(await catalogue.manifests(digests)).keys()]).toEqual([image('1').digest]);
  await catalogue.saveManifest(image('0'));
  await catalogue.begin({ startedAt: 1, isThorough: false });
  expect([...(await catalogue.manifests(digests)).keys()]).toEqual(digests);
});

test.for([`failure = '{}'`, `read_at = 1, reading = '{"tags":[["not legal","x"]]}'`, `read_at = 1, reading = 'x'`])(
  'what cannot be read any more of a repository was never read: %s',
  async (assignment) => {
    const file = await filled();
    sql(file, `UPDATE repository SET ${assignment.replace(/reading = ('.*')/, 'reading = CAST($1 AS BLOB)')}`);
    const { catalogue } = open(file);
    const unread = assignment.startsWith('failure') ? { failure: undefined } : { reading: undefined };
    expect(await catalogue.repository(APP)).toMatchObject({ name: APP, ...unread });
    expect((await catalogue.repositories()[Symbol.asyncIterator]().next()).value).toMatchObject(unread);
  },
);

test('a file that another process has is refused, until that process is gone', async () => {
  const file = newFile();
  const [command, ...parameters] = WRITER_COMMAND;
  const child = startChild(command, [...parameters, file]);
  await new Promise<void>((resolve) => child.onOutput(() => resolve()));
  try {
    expect(refusal(file)).toBe('the store is in use by another process');
  } finally {
    await child.kill();
  }
  expect(refusal(file)).toBe('none');
});

test('a file that this process has is refused too, and stays that of the first', async () => {
  const file = await filled();
  const first = open(file);
  expect(refusal(file)).toBe('the store is in use by another process');
  expect(probe(`${file}`)).toContain('the store is in use by another process');
  await first.catalogue.begin({ startedAt: 1, isThorough: false });
  first.close();
});

/** What a second process says that tries to open the file. */
function probe(file: string): string {
  return startedWith('"$@"', file, 1);
}

/** What the writer says when a shell starts it in its own way, for so many rounds. */
function startedWith(shell: string, file: string, rounds: number): string {
  const parameters = [...WRITER_COMMAND, file, String(rounds)];
  return execFileSync('sh', ['-c', `${shell} 2>&1 || true`, 'sh', ...parameters], { encoding: 'utf8' });
}

/** Whether file systems can be mounted here, for a process of ours alone. */
const canMount = startedOrNot('unshare -rm mount -t tmpfs none /mnt');

function startedOrNot(command: string): boolean {
  try {
    execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!canMount)('on a full disk a save fails, and what was saved before is there', () => {
  const script = `unshare -rm sh -c 'mount -t tmpfs -o size=1m none /mnt && exec "$@"' sh "$@"`;
  const output = startedWith(script, '/mnt/usage.db', 1000);
  expect(output).toMatch(/^\d+ written\nStoreError: the disk is full \(\/mnt\/usage.db\)\nwhole\n$/m);
});

test.skipIf(!canMount)('a read-only file system is refused', () => {
  const script = `unshare -rm sh -c 'mount -t tmpfs none /mnt && "$@" && mount -o remount,ro /mnt && exec "$@"' sh "$@"`;
  const reason = 'StoreError: the store may not be written: the file system is read-only (/mnt/usage.db)\n';
  expect(startedWith(script, '/mnt/usage.db', 1)).toBe(`1 written\n${reason}`);
  const empty = `unshare -rm sh -c 'mount -t tmpfs -o ro none /mnt && exec "$@"' sh "$@"`;
  expect(startedWith(empty, '/mnt/usage.db', 1)).toBe(reason);
});

test('a file that is taken away under the service is told, and takes what is saved when it is back', async () => {
  const file = await filled();
  const store = open(file);
  const save = () => store.catalogue.saveRepository({ name: APP, reading: undefined, failure: undefined });
  const gone = {
    kind: 'store',
    reason: 'the store is not in its place any more; put it back, or start the service again',
  };
  renameSync(file, `${file}.away`);
  await expect(save()).rejects.toMatchObject(gone);
  writeFileSync(file, ''); // somebody else's
  await expect(save()).rejects.toMatchObject(gone);
  renameSync(`${file}.away`, file);
  await save();
  store.close();
  expect(refusal(file)).toBe('none');
});

test('a file that may not grow any more is a clear error, and what was saved before is there', () => {
  const output = startedWith(`trap '' XFSZ; ulimit -f 2000; "$@"`, newFile(), 1000);
  expect(output).toMatch(
    /^\d+ written\nStoreError: the (?:store could not be read or written|disk is full).*\nwhole\n$/m,
  );
});

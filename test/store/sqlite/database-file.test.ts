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
import { RETENTION } from '../../support/memory-store.ts';
import { crawlOf, image } from '../../support/sample-registry-content.ts';
import { directory, newFile, open, WRITER_COMMAND } from '../../support/store-sample.ts';

const APP = 'group/app' as RepositoryName;

/** Tries to open the file, and returns why that fails. The message ends with the path. */
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

/** Creates a store with some content, closes it, and returns its file. */
async function filled(count = 1): Promise<string> {
  const file = newFile();
  const store = open(file);
  for (let i = 0; i < count; i++) await store.manifestCache.saveManifest(image(`${i}`));
  await store.crawlState.saveRepository({ name: APP, content: undefined, failure: undefined });
  const { snapshot, crawlResult } = crawlOf([image('0')]);
  await store.snapshots.save(snapshot, crawlResult, 'crawl');
  store.close();
  return file;
}

/** Returns a checksum of the file. */
function sumOf(file: string): string {
  return hash('sha256', readFileSync(file));
}

function sql(file: string, statements: string): void {
  const database = new DatabaseSync(file);
  database.exec(statements);
  database.close();
}

/** Creates a file that is not a store. */
function written(bytes: Uint8Array): string {
  const file = newFile();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  return file;
}

test('refuses a store of another registry, and leaves it as it is', async () => {
  const file = await filled();
  const elsewhere = () =>
    openStore({ file, registryUrl: 'https://other.example.com/', retention: RETENTION, clock: () => 0 });
  const before = sumOf(file);
  expect(elsewhere).toThrow(/^the store belongs to another registry \(https:\/\/registry\.example\.com\/\)/);
  expect(sumOf(file)).toBe(before);
  expect(refusal(file)).toBe('none');
});

test('opens a store whose process was killed while it moved pages from the log', async () => {
  const file = newFile();
  const store = open(file);
  const body = new Uint8Array(200_000);
  for (let i = 0; i < 10; i++)
    await store.manifestCache.saveManifest({ ...image(`${i}`), served: { contentType: '', body: body.fill(i) } });
  await store.crawlState.begin({ startedAt: 1, isThorough: false });
  // The state of the disk in the middle: the first page already states the new length of the file.
  const [log, main] = [readFileSync(`${file}-wal`), readFileSync(file)];
  store.close();
  const whole = readFileSync(file);
  writeFileSync(file, Buffer.concat([whole.subarray(0, 4096), main.subarray(4096)]));
  writeFileSync(`${file}-wal`, log);
  expect(refusal(file)).toBe('none');
  const again = open(file);
  await again.check();
  expect(await again.crawlState.unfinished()).toEqual({ startedAt: 1, isThorough: false });
  again.close();
});

test('creates a new file and the directories above it for its user only', async () => {
  const file = `${directory}/new/directories/usage.db`;
  const store = open(file);
  await store.crawlState.begin({ startedAt: 1, isThorough: false });
  const modes = [dirname(dirname(file)), dirname(file), file, `${file}-wal`].map((path) => statSync(path).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
  store.close();
  store.close();
  expect(existsSync(`${file}-wal`)).toBe(false);
});

test('uses an empty file', () => {
  expect(refusal(written(new Uint8Array()))).toBe('none');
});

test.for([
  ['that is not a database', Buffer.from('not a database, but long enough for one '.repeat(100))],
  ['of a few bytes', Buffer.from('x')],
])('refuses a file %s, and leaves it as it is', ([, bytes]) => {
  const file = written(bytes as Uint8Array);
  expect(refusal(file)).toMatch(/^the file is not an SQLite database; /);
  expect(readFileSync(file, 'utf8')).toBe(String(bytes));
});

test.for(['delete', 'wal'])('refuses the database of another program, and leaves it as it is (%s)', (mode) => {
  const file = written(new Uint8Array());
  const other = new DatabaseSync(file);
  other.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)`);
  const before = sumOf(file);
  const siblings = [`${file}-wal`, `${file}-shm`].map((path) => existsSync(path));
  expect(refusal(file)).toMatch(/^the file is the database of another program; /);
  expect(sumOf(file)).toBe(before);
  expect([`${file}-wal`, `${file}-shm`].map((path) => existsSync(path))).toEqual(siblings);
  expect({ ...other.prepare('SELECT a FROM theirs').get() }).toEqual({ a: 1 });
  other.close();
});

test('refuses a store that a later version wrote, and leaves it as it is', async () => {
  const file = await filled();
  sql(file, `PRAGMA user_version = ${MIGRATIONS.length + 1}`);
  const before = sumOf(file);
  expect(refusal(file)).toMatch(`its schema version is ${MIGRATIONS.length + 1}`);
  expect(sumOf(file)).toBe(before);
});

test.each(['blob', 'findings', 'manifest', 'pull', 'registry', 'snapshot'])(
  'refuses a store without the table %s',
  async (table) => {
    const file = await filled();
    const database = new DatabaseSync(file);
    database.exec(`PRAGMA foreign_keys = OFF; DROP TABLE ${table}`);
    database.close();
    expect(refusal(file)).toMatch(/lacks tables.*move the file away/);
  },
);

test('refuses a directory, and a path below a file', () => {
  mkdirSync(`${directory}/is-a-directory`);
  expect(refusal(`${directory}/is-a-directory`)).toBe('the store cannot be opened: it is a directory');
  writeFileSync(`${directory}/is-a-file`, '');
  for (const path of ['is-a-file/usage.db', 'is-a-file/below/usage.db'])
    expect(refusal(`${directory}/${path}`)).toMatch(/^the store cannot be created: .* not a directory$/);
});

test('refuses a place where no file can be created', () => {
  expect(refusal('/proc/not-there/usage.db')).toMatch(/^the store cannot be created: /);
});

test('reports a truncated file as damaged', async () => {
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
  expect(reason).toMatch(/^the store is damaged; /);
});

test('the check finds changed pages, and nothing in an intact file', async () => {
  const file = await filled(200);
  const whole = open(file);
  await whole.check();
  whole.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, 40 * 4096, 42 * 4096);
  writeFileSync(file, bytes);
  const store = open(file);
  await expect(store.check()).rejects.toMatchObject({ kind: 'store', reason: /^the store is damaged; / });
  store.close();
});

test('the check finds a reference to a row that does not exist', async () => {
  const file = await filled();
  sql(file, 'PRAGMA foreign_keys = OFF; DELETE FROM node WHERE number = 1');
  const store = open(file);
  await expect(store.check()).rejects.toMatchObject({
    reason: /^the store is damaged; .*: table figures refers to a row/,
  });
  store.close();
});

test('does not return a manifest whose bytes have changed, and lets it be saved again', async () => {
  const file = await filled(2);
  sql(file, `UPDATE manifest SET body = CAST(replace(CAST(body AS TEXT), '100', '101') AS BLOB) WHERE rowid = 1`);
  const { crawlState, manifestCache } = open(file);
  const digests = [image('0').digest, image('1').digest];
  expect([...(await manifestCache.manifests(digests)).keys()]).toEqual([image('1').digest]);
  await manifestCache.saveManifest(image('0'));
  await crawlState.begin({ startedAt: 1, isThorough: false });
  expect([...(await manifestCache.manifests(digests)).keys()]).toEqual(digests);
});

test.for([`failure = '{}'`, `read_at = 1, reading = '{"tags":[["not legal","x"]]}'`, `read_at = 1, reading = 'x'`])(
  'treats a part of a repository that cannot be decoded as never read: %s',
  async (assignment) => {
    const file = await filled();
    sql(file, `UPDATE repository SET ${assignment.replace(/reading = ('.*')/, 'reading = CAST($1 AS BLOB)')}`);
    const { crawlState } = open(file);
    const unread = assignment.startsWith('failure') ? { failure: undefined } : { content: undefined };
    expect(await crawlState.repository(APP)).toMatchObject({ name: APP, ...unread });
    expect((await crawlState.repositories()[Symbol.asyncIterator]().next()).value).toMatchObject(unread);
  },
);

test('refuses a file that another process has open, until that process is gone', async () => {
  const file = newFile();
  const [command, ...parameters] = WRITER_COMMAND;
  const child = startChild(command, [...parameters, file]);
  await new Promise<void>((resolve) => child.onOutput(() => resolve()));
  try {
    expect(refusal(file)).toBe('another process uses the store');
  } finally {
    await child.kill();
  }
  expect(refusal(file)).toBe('none');
});

test('refuses a file that this process has open, which keeps its lock', async () => {
  const file = await filled();
  const first = open(file);
  expect(refusal(file)).toBe('another process uses the store');
  expect(probe(`${file}`)).toContain('another process uses the store');
  await first.crawlState.begin({ startedAt: 1, isThorough: false });
  first.close();
});

/** Returns the output of a second process that tries to open the file. */
function probe(file: string): string {
  return startedWith('"$@"', file, 1);
}

/** Starts the writer with a shell command, for that many rounds, and returns its output. */
function startedWith(shell: string, file: string, rounds: number): string {
  const parameters = [...WRITER_COMMAND, file, String(rounds)];
  return execFileSync('sh', ['-c', `${shell} 2>&1 || true`, 'sh', ...parameters], { encoding: 'utf8' });
}

/** Whether this machine lets a process mount file systems for itself. */
const canMount = startedOrNot('unshare -rm mount -t tmpfs none /mnt');

function startedOrNot(command: string): boolean {
  try {
    execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!canMount)('fails to save on a full disk, and keeps what was saved before', () => {
  const script = `unshare -rm sh -c 'mount -t tmpfs -o size=1m none /mnt && exec "$@"' sh "$@"`;
  const output = startedWith(script, '/mnt/usage.db', 1000);
  expect(output).toMatch(/^\d+ written\nStoreError: the disk is full \(\/mnt\/usage.db\)\nwhole\n$/m);
});

test.skipIf(!canMount)('refuses a read-only file system', () => {
  const script = `unshare -rm sh -c 'mount -t tmpfs none /mnt && "$@" && mount -o remount,ro /mnt && exec "$@"' sh "$@"`;
  const reason = 'StoreError: the store cannot be written: the file system is read-only (/mnt/usage.db)\n';
  expect(startedWith(script, '/mnt/usage.db', 1)).toBe(`1 written\n${reason}`);
  const empty = `unshare -rm sh -c 'mount -t tmpfs -o ro none /mnt && exec "$@"' sh "$@"`;
  expect(startedWith(empty, '/mnt/usage.db', 1)).toBe(reason);
});

test('fails to save while the file is moved away or replaced, and continues when it is back', async () => {
  const file = await filled();
  const store = open(file);
  const save = () => store.crawlState.saveRepository({ name: APP, content: undefined, failure: undefined });
  const gone = { kind: 'store', reason: /no longer in its place/ };
  renameSync(file, `${file}.away`);
  await expect(save()).rejects.toMatchObject(gone);
  writeFileSync(file, ''); // a file of another program
  await expect(save()).rejects.toMatchObject(gone);
  renameSync(`${file}.away`, file);
  await save();
  store.close();
  expect(refusal(file)).toBe('none');
});

test('fails to save when the file may not grow, and keeps what was saved before', () => {
  const output = startedWith(`trap '' XFSZ; ulimit -f 2000; "$@"`, newFile(), 1000);
  expect(output).toMatch(
    /^\d+ written\nStoreError: the (?:store could not be read or written|disk is full).*\nwhole\n$/m,
  );
});

import { expect, test } from 'vitest';
import { changed, problems } from '../support/config-sample.ts';
import { readJsonLines } from '../support/fixture.ts';
import { invoke } from '../support/invocation.ts';

/* What the command line of the original did, recorded: its options and exit codes, and the durations that its file may hold. */

interface Recorded {
  readonly name: string;
  readonly argv: readonly string[];
  readonly state: string;
  readonly exit: number;
  readonly stdout: string;
}

const recorded = readJsonLines<Recorded>('original/command-line.jsonl');

/** Started with a file, it either ran or named what was wrong: that is for the tests of the configuration. */
const OPTIONS = recorded.filter(({ argv, exit }) => exit !== 1 && (!argv.includes('-c') || exit !== -15));
const DURATIONS = recorded.filter(({ name }) => name.startsWith('expires-'));

test.for(OPTIONS.filter(({ state }) => state === 'exited'))('$name ends as it did', ({ argv, exit, stdout }) => {
  const invocation = invoke(...argv.slice(1));
  if (exit === 2) expect(invocation).toHaveProperty('error');
  else if (stdout.startsWith('[general]')) expect(invocation).toMatchObject({ command: 'print-default-config' });
  else if (stdout.startsWith('usage')) expect(invocation).toHaveProperty('help');
  else expect(invocation).toMatchObject({ command: 'print-version' });
});

/** Where we read a duration in another way: a token that lives for no time is of no use. */
const OTHERWISE: ReadonlySet<string> = new Set(['0 s']);

test.for(DURATIONS)('the duration of $name is read, or not, as it was', ({ name, exit }) => {
  const text = name.slice('expires-'.length);
  const isRead = problems(changed('[jwt]', '[jwt]', `auth_token_expires = ${text}`)).length === 0;
  expect(isRead).toBe(exit !== 1 && !OTHERWISE.has(text));
});

import { execFile } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SERVICE_COMMAND } from '../../lab/service.ts';
import { changed, GOOD, PREFIX, SECRETS, written } from '../support/config-sample.ts';

/* Starts the program and checks its output and exit code. Each test uses a configuration file of its own. */

interface Ending {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(parameters: readonly string[], env: Record<string, string> = {}): Promise<Ending> {
  const [command, ...first] = SERVICE_COMMAND;
  return new Promise((resolve) => {
    execFile(command, [...first, ...parameters], { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const unreadable = written(new Uint8Array([0x5b, 0xff, 0x5d]), 'latin1.conf');
const several = written(
  GOOD.replace('8080', 'eighty').replace('10000', '').replace('https://gitlab', 'gitlab').replace('[jwt]', '[jwtt]'),
  'several.conf',
);
const typo = written(changed('socket_port = 8080', 'sokcet_port = 8080'), 'typo.conf');
const secret = written(changed(`secret_key = ${SECRETS.key}`, 'secret_key = hunter2'), 'secret.conf');
const good = written(GOOD, 'good.conf');

test.for([
  ['a missing file', ['-c', '/nonexistent.conf'], {}, [/^\/nonexistent\.conf: the file does not exist; /]],
  ['a directory', ['-c', '/tmp'], {}, [/^\/tmp: cannot be read: it is a directory$/]],
  ['a file that is not UTF-8', ['-c', unreadable], {}, [/latin1\.conf: cannot be read: line 1 is not UTF-8$/]],
  ['a misspelled key', ['-c', typo], {}, [/typo\.conf:2: \[general\] sokcet_port: .*did you mean socket_port\?$/]],
  ['a short secret', ['-c', secret], {}, [/secret\.conf:8: \[jwt\] secret_key: the value is shorter than 32 bytes; /]],
  [
    'several mistakes in the file and one in the environment',
    ['-c', several],
    { [`${PREFIX}REGISTRY_CONCURRENCY_MAX`]: 'many' },
    [
      /several\.conf:2: \[general\] socket_port: "eighty" is not a whole number; /,
      /several\.conf:6: \[ldap\] valid_gid: the value is empty; /,
      /several\.conf:7: \[jwtt\]: unknown section; did you mean \[jwt\]\?$/,
      /several\.conf:10: \[registry\] gitlab_base_url: .* does not begin with http:\/\/ or https:\/\/; /,
      /_REGISTRY_CONCURRENCY_MAX: \[registry\] concurrency_max: "many" is not a whole number; /,
      /several\.conf: \[jwt\] secret_key: is not set; /,
    ],
  ],
  [
    'a missing file of a secret',
    ['-c', good],
    { [`${PREFIX}JWT_SECRET_KEY_FILE`]: '/nonexistent' },
    [/_JWT_SECRET_KEY_FILE: cannot read the file that it names: the file does not exist; /],
  ],
  ['an unknown option', ['--nonsense'], {}, [/unknown option '--nonsense'/, /Try .* --help\.$/]],
] as const)('exits with 2 for %s, and prints one line per problem to stderr', async ([, parameters, env, problems]) => {
  const { exitCode, stdout, stderr } = await run(parameters, env);
  expect([exitCode, stdout]).toEqual([2, '']);
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toEqual(problems.map((problem) => expect.stringMatching(problem)));
  for (const hidden of [...Object.values(SECRETS), 'hunter2', '    at ']) expect(stderr).not.toContain(hidden);
});

test.for([
  ['a directory', 'sqlite:/tmp', /: the store cannot be opened: it is a directory \(\/tmp\)$/],
  ['a path below a file', `sqlite:${good}/usage.db`, /: the store cannot be created: .* \(/],
  ['no database', `sqlite:${several}`, /: the file is not an SQLite database; .* \(/],
] as const)('exits with 1 and one line if the store is %s', async ([, url, problem]) => {
  const { exitCode, stdout, stderr } = await run(['-c', good], { [`${PREFIX}STORE_URL`]: url });
  expect([exitCode, stdout]).toEqual([1, '']);
  const line = stderr
    .trimEnd()
    .split('\n')
    .filter((text) => !text.startsWith('{'));
  expect(line).toEqual([expect.stringMatching(problem)]);
  expect(line[0]).toMatch(/^gitlab-registry-usage-rest: \[store\] url: /);
});

test('reports only the placeholders of the default configuration that it prints', async () => {
  const printed = await run(['--print-default-config']);
  expect([printed.exitCode, printed.stderr]).toEqual([0, '']);
  const { exitCode, stderr } = await run(['-c', written(printed.stdout, 'default.conf')]);
  expect(exitCode).toBe(2);
  const lines = stderr.trimEnd().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(4);
  for (const line of lines)
    expect(line).toMatch(/default\.conf:\d+: \[\w+\] \w+: .* is still the placeholder; expected /);
});

test('logs a warning if other users can read a file with secrets', async () => {
  const file = written(GOOD, 'open.conf');
  const nowhere = { [`${PREFIX}STORE_URL`]: 'sqlite:/tmp' }; // makes the program exit
  const warned = async (mode: number) => {
    chmodSync(file, mode);
    const { stderr } = await run(['-c', file], nowhere);
    for (const hidden of Object.values(SECRETS)) expect(stderr).not.toContain(hidden);
    return stderr.split('\n').some((line) => line.startsWith('{"level":40') && line.includes('open.conf'));
  };
  expect([await warned(0o644), await warned(0o600)]).toEqual([true, false]);
});

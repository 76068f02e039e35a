import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';

const parse = (...argv: string[]) => parseArguments(argv, '1.2.3');

test('without arguments it serves, with the default file', () => {
  expect(parse()).toEqual({
    command: 'serve',
    configFile: '/etc/gitlab_registry_usage_rest.conf',
    isDefaultFile: true,
  });
});

test('the configuration file is named in every way that is usual, and the last one counts', () => {
  const expected = { command: 'serve', configFile: 'my.conf', isDefaultFile: false };
  expect(parse('-c', 'my.conf')).toEqual(expected);
  expect(parse('-cmy.conf')).toEqual(expected);
  expect(parse('--config-file', 'my.conf')).toEqual(expected);
  expect(parse('--config-file=my.conf')).toEqual(expected);
  expect(parse('-c', 'other.conf', '-c', 'my.conf')).toEqual(expected);
});

test('the default file is asked for like any other when it is named', () => {
  expect(parse('-c', '/etc/gitlab_registry_usage_rest.conf')).toMatchObject({ isDefaultFile: false });
});

test('-V prints the version, whatever else is asked for', () => {
  const expected = { command: 'print', text: 'gitlab-registry-usage-rest, version 1.2.3\n', exitCode: 0 };
  for (const argv of [['-V'], ['--version'], ['--print-default-config', '-V'], ['-V', '--print-default-config']])
    expect(parse(...argv), argv.join(' ')).toEqual(expected);
});

test('-h prints every option', () => {
  const help = parse('-h');
  expect(help).toEqual(parse('--help'));
  expect(help).toMatchObject({ command: 'print', exitCode: 0 });
  for (const option of ['-h, --help', '-V, --version', '-c, --config-file', '--print-default-config'])
    expect('text' in help && help.text).toContain(option);
});

test('the default configuration is printed though the named file does not exist', () => {
  expect(parse('-c', '/nonexistent', '--print-default-config')).toEqual({ command: 'print-default-config' });
});

test('a long option may be shortened as long as it stays clear', () => {
  expect(parse('--print')).toEqual({ command: 'print-default-config' });
  expect(parse('--config', 'my.conf')).toMatchObject({ configFile: 'my.conf' });
  expect(parse('--c=my.conf')).toMatchObject({ configFile: 'my.conf' });
  expect(parse('--ver')).toMatchObject({ command: 'print' });
});

test('what is wrong is said in one sentence, with exit code 2', () => {
  const hint = 'Try gitlab-registry-usage-rest --help.\n';
  const lines = {
    '--bogus': `gitlab-registry-usage-rest: error: unknown option '--bogus'\n${hint}`,
    x: `gitlab-registry-usage-rest: error: too many arguments. Expected 0 arguments but got 1: x.\n${hint}`,
    '-c': `gitlab-registry-usage-rest: error: argument -c/--config-file: expected one argument\n${hint}`,
    '-c -V': `gitlab-registry-usage-rest: error: argument -c/--config-file: expected one argument\n${hint}`,
  };
  for (const [argv, text] of Object.entries(lines))
    expect(parse(...argv.split(' ')), argv).toEqual({ command: 'fail', text, exitCode: 2 });
});

test('no arguments whatsoever make it throw, write or exit', () => {
  const argument = fc.oneof(
    fc.string(),
    fc.constantFrom('-c', '-V', '-h', '--', '-', '--print', '--config=', '-Vc', '--no-version'),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (argv) => {
      expect(['serve', 'print', 'print-default-config', 'fail']).toContain(parseArguments(argv, '1').command);
    }),
  );
});

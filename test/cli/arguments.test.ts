import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { invoke } from '../support/invocation.ts';

test('serves with the default file when there are no arguments', () => {
  expect(invoke()).toEqual({ command: 'serve', options: {} });
});

test('takes the configuration file from either flag, in every usual spelling; the last one wins', () => {
  const expected = { command: 'serve', options: { configFile: 'my.conf' } };
  expect(invoke('-c', 'my.conf')).toEqual(expected);
  expect(invoke('-cmy.conf')).toEqual(expected);
  expect(invoke('--config-file', 'my.conf')).toEqual(expected);
  expect(invoke('--config-file=my.conf')).toEqual(expected);
  expect(invoke('-c', 'other.conf', '-c', 'my.conf')).toEqual(expected);
});

test('prints the version for -V, with or without other options', () => {
  for (const argv of [['-V'], ['--version'], ['--print-default-config', '-V'], ['-V', '--print-default-config']])
    expect(invoke(...argv), argv.join(' ')).toMatchObject({ command: 'print-version' });
});

test('prints every option for -h', () => {
  const help = parseArguments(['-h']);
  expect(help).toEqual(parseArguments(['--help']));
  for (const option of ['-h, --help', '-V, --version', '-c, --config-file', '--print-default-config'])
    expect('help' in help && help.help).toContain(option);
});

test('prints the default configuration although the named file does not exist', () => {
  expect(invoke('-c', '/nonexistent', '--print-default-config')).toMatchObject({ command: 'print-default-config' });
});

test('accepts an abbreviated long option as long as it is unambiguous', () => {
  expect(invoke('--print')).toMatchObject({ command: 'print-default-config' });
  expect(invoke('--config', 'my.conf')).toMatchObject({ options: { configFile: 'my.conf' } });
  expect(invoke('--c=my.conf')).toMatchObject({ options: { configFile: 'my.conf' } });
  expect(invoke('--ver')).toMatchObject({ command: 'print-version' });
});

test('rejects wrong arguments with one line that names the argument, and a hint', () => {
  const named = { '--bogus': '--bogus', x: 'x', '-c': '-c/--config-file', '-c -V': '-c/--config-file' };
  for (const [argv, argument] of Object.entries(named)) {
    const invocation = parseArguments(argv.split(' '));
    expect('error' in invocation && invocation.error.split('\n'), argv).toEqual([
      expect.stringMatching(/^gitlab-registry-usage-rest: error: /),
      'Try gitlab-registry-usage-rest --help.',
      '',
    ]);
    expect('error' in invocation && invocation.error).toContain(argument);
  }
});

test('never throws, writes or exits, for any arguments', () => {
  const argument = fc.oneof(
    fc.string(),
    fc.constantFrom('-c', '-V', '-h', '--', '-', '--print', '--config=', '-Vc', '--no-version'),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (argv) => {
      const invocation = parseArguments(argv);
      expect(['command', 'help', 'error'].filter((key) => key in invocation)).toHaveLength(1);
    }),
  );
});

test('runs a command that is added to the list', () => {
  const added = {
    name: 'added',
    addOptions: (program: { option(flags: string, description: string): unknown }) => program.option('--added', 'test'),
    isSelected: (options: Record<string, unknown>) => options['added'] === true,
    run: () => undefined,
  };
  expect(parseArguments(['--added'], [added])).toMatchObject({ command: added });
});

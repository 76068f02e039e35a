import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { changed, GOOD, PREFIX, SECRETS, written } from '../support/config-sample.ts';

function warningsAt(mode: number, text: string, env: Record<string, string> = {}): readonly string[] {
  const file = written(text);
  chmodSync(file, mode);
  const loaded = loadConfig({ file, isDefaultFile: false, env });
  if ('problems' in loaded) throw new Error(loaded.problems.join('\n'));
  return loaded.warnings.map((line) => line.replace(file, 'FILE'));
}

const EXPOSED =
  'FILE: other users can read or change this file, which contains secrets: [jwt] secret_key, [registry] access_token; set its mode to 600';

test.for([
  [0o600, []],
  [0o640, []],
  [0o660, []],
  [0o644, [EXPOSED]],
  [0o602, [EXPOSED]],
] as const)('for a file with secrets and mode %o, returns the warnings %j', ([mode, expected]) => {
  expect(warningsAt(mode, GOOD)).toEqual(expected);
});

test('names only the secrets that are used and set in the file, without their values', () => {
  const env = { [`${PREFIX}JWT_SECRET_KEY`]: SECRETS.key };
  expect(warningsAt(0o644, GOOD, env)).toEqual([EXPOSED.replace('[jwt] secret_key, ', '')]);
  const withoutToken = changed(`access_token = ${SECRETS.token}`, 'access_token =');
  expect(warningsAt(0o644, withoutToken, { ...env, [`${PREFIX}REGISTRY_GITLAB_BASE_URL`]: '' })).toEqual([]);
});

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../../lab/temporary.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load-config.ts';

export const PREFIX = 'GITLAB_REGISTRY_USAGE_REST_';
export const SECRETS = {
  key: 'k3y-0f-thirty-two-bytes-%-and-more',
  oldKey: 'an 0ld k3y of thirty-two bytes, or more',
  token: 'glpat-%cd%25Zx',
  password: 'pä:s:w%rd',
  events: '16-bytes-%-or-more',
  metrics: '16 others %, or more',
};
/** The shortest valid file. */
export const GOOD = `[general]
socket_port = 8080
[ldap]
host = ldap.example.com
base_dn = dc=example,dc=com
valid_gid = 10000
[jwt]
secret_key = ${SECRETS.key}
[registry]
gitlab_base_url = https://gitlab.example.com
registry_base_url = https://registry.example.com:5005/
access_token = ${SECRETS.token}
`;

/** A temporary directory for the test file that imports this. */
export const folder = makeDirectory('config');

/** Writes a file in `folder`. Returns its path. */
export function written(text: string | Uint8Array, name = 'my.conf'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Returns the problems of a file with that text, which calls the file `my.conf`. */
export function problems(text: string | Uint8Array, env: Record<string, string> = {}): readonly string[] {
  const loaded = loadConfig({ file: written(text), isDefaultFile: false, env });
  return 'problems' in loaded ? loaded.problems.map((line) => line.replace(`${folder}/`, '')) : [];
}

export function config(text: string, env: Record<string, string> = {}): Config {
  const loaded = loadConfig({ file: written(text), isDefaultFile: false, env });
  if ('problems' in loaded) throw new Error(loaded.problems.join('\n'));
  return loaded.config;
}

/** Returns the valid file with one line replaced. The new lines belong to the section of that line. */
export function changed(line: string, ...lines: readonly string[]): string {
  if (!GOOD.includes(`${line}\n`)) throw new Error(`no such line: ${line}`);
  return GOOD.replace(`${line}\n`, `${lines.join('\n')}\n`);
}

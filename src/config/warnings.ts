import { statSync } from 'node:fs';
import type { Config } from './config.ts';
import type { Setting } from './config-file.ts';
import { SECTIONS } from './schema.ts';

const OTHERS_READ_OR_WRITE = 0o006;

/** Returns warnings about a valid but unsafe configuration: one line each, without a line feed and without a secret. */
export function warningsOf(file: string, settings: ReadonlyMap<string, Setting>, { http }: Config): readonly string[] {
  const warnings: string[] = [];
  const secrets = secretsIn(file, settings);
  if (secrets.length > 0 && isOpenToOthers(file))
    warnings.push(
      `${file}: other users can read or change this file, which contains secrets: ${secrets.join(', ')}; set its mode to 600`,
    );
  if (http.tls?.isKeyExposed)
    warnings.push('[general] tls_key: other users can read or change the file; set its mode to 600');
  return warnings;
}

/** Returns the secret keys whose values in effect are in the file. */
function secretsIn(file: string, settings: ReadonlyMap<string, Setting>): readonly string[] {
  return [...SECTIONS].flatMap(([section, { keys }]) =>
    Object.keys(keys)
      .filter((name) => keys[name]?.isSecret)
      .filter((name) => {
        const setting = settings.get(`${section}.${name}`);
        return setting?.place === file && setting.text !== '';
      })
      .map((name) => `[${section}] ${name}`),
  );
}

function isOpenToOthers(file: string): boolean {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & OTHERS_READ_OR_WRITE) !== 0;
}

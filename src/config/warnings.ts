import { statSync } from 'node:fs';
import type { Config } from './config.ts';
import type { Setting } from './config-file.ts';
import { SECTIONS } from './schema.ts';

const OTHERS_READ_OR_WRITE = 0o006;

/** What works, and should not stay as it is: a line each, without a line end and without any secret. */
export function warningsOf(file: string, settings: ReadonlyMap<string, Setting>, { http }: Config): readonly string[] {
  const warnings: string[] = [];
  const secrets = secretsIn(file, settings);
  if (secrets.length > 0 && isOpenToOthers(file))
    warnings.push(
      `${file}: others may read or change the file, which holds secrets: ${secrets.join(', ')}; give it mode 600`,
    );
  if (http.tls?.isKeyExposed)
    warnings.push('[general] tls_key: others may read or change the file; it is for the service alone');
  return warnings;
}

/** The keys whose values are secret, count, and stand in the file. */
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

import { randomBytes } from 'node:crypto';
import { SECTIONS } from './schema.ts';

/**
 * The text of a configuration file with every key explained. It is valid as it stands but for its placeholders, which
 * are refused, so that nobody starts with them by accident.
 *
 * @param secretKey what tokens are to be signed with: a fresh one each time, since a printed one would be everybody's
 */
export function defaultConfigText(secretKey: string = randomBytes(32).toString('hex')): string {
  const parts = [INTRODUCTION];
  for (const [section, { about, keys }] of SECTIONS) {
    parts.push(`${comment(about)}[${section}]\n`);
    for (const [name, key] of Object.entries(keys)) {
      const sample = section === 'jwt' && name === 'secret_key' ? secretKey : key.sample;
      const setting = `${name} = ${sample ?? key.fallback ?? ''}`.trimEnd();
      parts.push(`${comment(key.about)}${key.isNew ? '# ' : ''}${setting}\n`);
    }
  }
  return parts.join('\n');
}

const INTRODUCTION = `# The configuration of gitlab-registry-usage-rest. What stands behind a # is not set: a default, or an example.
# Replace the host, the group, the two URLs and the access token, and keep this file readable for the service alone.
`;

const WIDTH = 100;

/** Comment lines of at most `WIDTH` characters. Backticks are for the documentation. */
function comment(text: string): string {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.replaceAll('`', '').split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return `${[...lines, line].join('\n')}\n`;
}

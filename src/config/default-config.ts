import { randomBytes } from 'node:crypto';
import { SECTIONS } from './schema.ts';

/**
 * Returns a configuration file that explains every key. It is valid except for its placeholders, which are rejected, so that they cannot be used by
 * accident.
 *
 * @param secretKey the key that signs tokens; random, because a fixed one would be known to everyone with the source
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

const INTRODUCTION = `# The configuration of gitlab-registry-usage-rest. Settings behind a # are not set; they show the default or an example.
# Replace the LDAP host and group, the two URLs and the access token, and make this file readable for the service only.
`;

const WIDTH = 100;

/** Returns comment lines of at most `WIDTH` characters, without the backticks of the documentation. */
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

import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { duration, isAllZeros, line, optional, replaced } from '../readers/readers.ts';

/** A key for HS256 has at least as many bits as the hash (RFC 7518, section 3.2). */
const SHORTEST_KEY_BYTES = 32;

const secretKey: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  const isLong = Buffer.byteLength(text) >= SHORTEST_KEY_BYTES;
  return isLong ? { value: text } : { wrong: `is shorter than ${SHORTEST_KEY_BYTES} bytes` };
};

/**
 * A key in each line, taken literally. No sign could part them: a key holds any, and all that were in use have to go on being what they were. Only
 * one that is more than a line itself cannot stand here.
 */
const secretKeys: Reader<readonly string[]> = (text) => {
  const keys = text.split(/\r?\n/).filter((one) => one !== '');
  if (keys.some(isAllZeros)) return { wrong: 'holds the placeholder' };
  for (const one of keys) {
    const read = secretKey(one);
    if ('wrong' in read) return { wrong: `holds a key that ${read.wrong}` };
  }
  return { value: keys };
};

export const JWT_KEYS = {
  auth_token_expires: key({
    about: 'How long a token is valid.',
    right: 'a duration of at least 1 second, such as 2 weeks',
    read: duration(LONGEST_SECONDS),
    fallback: '2 weeks',
  }),
  secret_key: key({
    about:
      'The key that tokens are signed with. Whoever knows it can sign in as anyone; a new one ends all tokens that it does not leave to `previous_secret_keys`.',
    right: `at least ${SHORTEST_KEY_BYTES} random bytes, such as \`openssl rand -hex 32\` prints`,
    read: replaced(isAllZeros, secretKey),
    sample: '00000000000000000000000000000000',
    isSecret: true,
  }),
  previous_secret_keys: key({
    about:
      'Keys that tokens were signed with before: those are still good. One a line, the further lines indented. Leave it empty again when `auth_token_expires` is over (docs/accounts.md).',
    right: `a key of at least ${SHORTEST_KEY_BYTES} bytes in each line`,
    read: secretKeys,
    fallback: '',
    isSecret: true,
    isNew: true,
  }),
  issuer: key({
    about:
      'Who issues the tokens: the claim `iss`. Where it is set, tokens of another issuer, or without one, are not good.',
    right: 'one line of text, such as https://usage.example.com',
    read: optional(line),
    fallback: '',
    sample: 'https://usage.example.com',
    isNew: true,
  }),
  audience: key({
    about:
      'Whom the tokens are for: the claim `aud`. Where it is set, tokens for somebody else, or for nobody, are not good.',
    right: 'one line of text, such as registry-usage',
    read: optional(line),
    fallback: '',
    sample: 'registry-usage',
    isNew: true,
  }),
};

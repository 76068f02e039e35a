import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { duration, isAllZeros, line, optional, replaced } from '../readers/readers.ts';

/** A key for HS256 has at least as many bits as the hash (RFC 7518, section 3.2). */
const SHORTEST_KEY_BYTES = 32;

const secretKey: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  if (Buffer.byteLength(text) < SHORTEST_KEY_BYTES) return { wrong: `is shorter than ${SHORTEST_KEY_BYTES} bytes` };
  return isGuessable(text) ? { wrong: 'repeats a few characters, so that it is easy to guess' } : { value: text };
};

/** Of 32 random hexadecimal digits, fewer than 8 different ones or two equal halves are practically impossible. */
const LEAST_DIFFERENT_CHARACTERS = 8;

/** Returns whether the text has few different characters, or repeats one part from its beginning to its end. */
function isGuessable(text: string): boolean {
  if (new Set(text).size < LEAST_DIFFERENT_CHARACTERS) return true;
  // A text repeats a part if it occurs inside of itself, written twice (without the trivial places at both ends).
  const period = `${text}${text}`.indexOf(text, 1);
  return period <= text.length / 2;
}

/**
 * Reads one key per line, literally. There is no other separator, because keys may contain any character and must stay unchanged. A key of several
 * lines cannot be listed.
 */
const secretKeys: Reader<readonly string[]> = (text) => {
  const keys = text.split(/\r?\n/).filter((one) => one !== '');
  if (keys.some(isAllZeros)) return { wrong: 'contains the placeholder' };
  for (const one of keys) {
    const read = secretKey(one);
    if ('wrong' in read) return { wrong: `contains a key that ${read.wrong}` };
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
      'The key that signs tokens. A person who knows it can sign in as any user. A new key invalidates all tokens, unless the old key is added to `previous_secret_keys`.',
    right: `at least ${SHORTEST_KEY_BYTES} random bytes, such as \`openssl rand -hex 32\` prints`,
    read: replaced(isAllZeros, secretKey),
    sample: '00000000000000000000000000000000',
    isSecret: true,
  }),
  previous_secret_keys: key({
    about:
      'Former signing keys whose tokens stay valid, one per line; further lines are indented. Remove a key once `auth_token_expires` has passed (docs/accounts.md).',
    right: `a key of at least ${SHORTEST_KEY_BYTES} bytes in each line`,
    read: secretKeys,
    fallback: '',
    isSecret: true,
    isNew: true,
  }),
  issuer: key({
    about: 'The issuer of tokens, claim `iss`. If set, tokens with another issuer or none are rejected.',
    right: 'one line of text, such as https://usage.example.com',
    read: optional(line),
    fallback: '',
    sample: 'https://usage.example.com',
    isNew: true,
  }),
  audience: key({
    about: 'The audience of tokens, claim `aud`. If set, tokens with another audience or none are rejected.',
    right: 'one line of text, such as registry-usage',
    read: optional(line),
    fallback: '',
    sample: 'registry-usage',
    isNew: true,
  }),
};

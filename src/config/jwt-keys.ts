import { LONGEST_SECONDS } from './duration.ts';
import { key, type Reader } from './key.ts';
import { duration, isAllZeros, replaced } from './readers.ts';

/** A key for HS256 has at least as many bits as the hash (RFC 7518, section 3.2). */
const SHORTEST_KEY_BYTES = 32;

const secretKey: Reader<string> = (text) => {
  if (text === '') return { wrong: 'is empty' };
  const isLong = Buffer.byteLength(text) >= SHORTEST_KEY_BYTES;
  return isLong ? { value: text } : { wrong: `is shorter than ${SHORTEST_KEY_BYTES} bytes` };
};

export const JWT_KEYS = {
  auth_token_expires: key({
    about: 'How long a token is valid.',
    right: 'a duration of at least 1 second, such as 2 weeks',
    read: duration(LONGEST_SECONDS),
    fallback: '2 weeks',
  }),
  secret_key: key({
    about: 'The key that tokens are signed with. Whoever knows it can sign in as anyone; a new one ends all tokens.',
    right: `at least ${SHORTEST_KEY_BYTES} random bytes, such as \`openssl rand -hex 32\` prints`,
    read: replaced(isAllZeros, secretKey),
    sample: '00000000000000000000000000000000',
    isSecret: true,
  }),
};

import { key, type Reader } from './key.ts';
import { isAllZeros, line, optional, replaced } from './readers.ts';

const SHORTEST_SECRET_BYTES = 16;

/** What can be the whole of a header's value: white space around it would be lost on the way (RFC 9110, 5.5). */
const headerSecret: Reader<string> = (text) => {
  if (text !== text.trim()) return { wrong: 'begins or ends with white space' };
  const isLong = Buffer.byteLength(text) >= SHORTEST_SECRET_BYTES;
  return isLong ? line(text) : { wrong: `is shorter than ${SHORTEST_SECRET_BYTES} bytes` };
};

export const EVENTS_KEYS = {
  secret: key({
    about:
      'What the registry sends in the header `Authorization` of its notifications (docs/notifications.md). Without it there is no `/events`.',
    right: `at least ${SHORTEST_SECRET_BYTES} random bytes in one line, such as \`openssl rand -hex 32\` prints`,
    read: optional(replaced(isAllZeros, headerSecret)),
    fallback: '',
    sample: '00000000000000000000000000000000',
    isSecret: true,
    isNew: true,
  }),
};

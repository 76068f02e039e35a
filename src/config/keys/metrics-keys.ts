import { HEADER_SECRET, headerSecret } from '../readers/header-secret.ts';
import { key } from '../readers/key.ts';
import { boolean, isAllZeros, optional, replaced, wholeNumber } from '../readers/readers.ts';

/** More series than that are slow to scrape, and dear to keep. */
const MOST_NAMED = 10_000;

export const METRICS_KEYS = {
  enabled: key({
    about: 'Whether there is a `/metrics` for Prometheus (docs/monitoring.md).',
    right: 'True or False',
    read: boolean,
    fallback: 'True',
    isNew: true,
  }),
  token: key({
    about:
      'The bearer token that Prometheus has to send. Without one set, whoever reaches `/metrics` may read it, and it names no namespace and no repository.',
    right: HEADER_SECRET,
    read: optional(replaced(isAllZeros, headerSecret)),
    fallback: '',
    sample: '00000000000000000000000000000000',
    isSecret: true,
    isNew: true,
  }),
  namespaces_limit: key({
    about: 'So many top-level namespaces at most have figures of their own: the largest by `deduplicated_bytes`.',
    right: `a whole number from 0 to ${MOST_NAMED}`,
    read: wholeNumber(0, MOST_NAMED),
    fallback: '100',
    isNew: true,
  }),
  repositories_limit: key({
    about: 'The same for repositories.',
    right: `a whole number from 0 to ${MOST_NAMED}`,
    read: wholeNumber(0, MOST_NAMED),
    fallback: '100',
    isNew: true,
  }),
};

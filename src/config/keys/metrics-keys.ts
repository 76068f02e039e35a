import { HEADER_SECRET, headerSecret } from '../readers/header-secret.ts';
import { key } from '../readers/key.ts';
import { boolean, isAllZeros, optional, replaced, wholeNumber } from '../readers/readers.ts';

/** More time series are slow to scrape and expensive to store. */
const MOST_NAMED = 10_000;

export const METRICS_KEYS = {
  enabled: key({
    about: 'Whether `/metrics` exists (docs/monitoring.md).',
    right: 'True or False',
    read: boolean,
    fallback: 'True',
    isNew: true,
  }),
  token: key({
    about:
      'The bearer token that Prometheus must send. Without it, `/metrics` is open to every client and names no namespace and no repository.',
    right: HEADER_SECRET,
    read: optional(replaced(isAllZeros, headerSecret)),
    fallback: '',
    sample: '00000000000000000000000000000000',
    isSecret: true,
    isNew: true,
  }),
  namespaces_limit: key({
    about: 'The number of top-level namespaces with metrics of their own: the largest by `deduplicated_bytes`.',
    right: `a whole number from 0 to ${MOST_NAMED}`,
    read: wholeNumber(0, MOST_NAMED),
    fallback: '100',
    isNew: true,
  }),
  repositories_limit: key({
    about: 'The number of repositories with metrics of their own: the largest by `deduplicated_bytes`.',
    right: `a whole number from 0 to ${MOST_NAMED}`,
    read: wholeNumber(0, MOST_NAMED),
    fallback: '100',
    isNew: true,
  }),
};

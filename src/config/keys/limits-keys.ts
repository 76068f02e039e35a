import { key } from '../readers/key.ts';
import { wholeNumber } from '../readers/readers.ts';

/** More than anybody can serve. */
const MOST = 10_000_000;
const RIGHT = `a whole number from 0 to ${MOST}`;

export const LIMITS_KEYS = {
  requests_per_address: key({
    about:
      'How many requests an address has a minute, and as many at once. Probes and notifications do not count. Behind a proxy that `trust_proxy` does not name, all users have one address. `0` is no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '12000',
    isNew: true,
  }),
  requests_per_user: key({
    about:
      'How many requests with a valid token a user has a minute, and as many at once, from all addresses together. `0` is no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '6000',
    isNew: true,
  }),
  failed_sign_ins: key({
    about:
      'How many sign-ins may fail from an address in an hour, for all users together, before it has to wait between two, longer every time; for one user it is at most 10. `0` is no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '50',
    isNew: true,
  }),
  connections: key({
    about: 'How many connections may be open at once. `0` is no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '2000',
    isNew: true,
  }),
  connections_per_address: key({
    about: 'How many of them from one address that is none of `trust_proxy`. `0` is no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '200',
    isNew: true,
  }),
};

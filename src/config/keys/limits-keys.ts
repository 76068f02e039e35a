import { key } from '../readers/key.ts';
import { wholeNumber } from '../readers/readers.ts';

/** More than the service can handle. */
const MOST = 10_000_000;
const RIGHT = `a whole number from 0 to ${MOST}`;

export const LIMITS_KEYS = {
  requests_per_address: key({
    about:
      'The number of requests per minute from one address, which is also the largest burst. Probes and notifications are not limited. Behind a proxy that `trust_proxy` does not name, all users share one address. `0` means no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '12000',
    isNew: true,
  }),
  requests_per_user: key({
    about:
      'The number of requests per minute with a valid token of one user, from all addresses together, which is also the largest burst. `0` means no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '6000',
    isNew: true,
  }),
  failed_sign_ins: key({
    about:
      'The number of failed sign-ins per hour from one address, for all users together. Beyond it, the address must wait between two attempts, longer each time. For one user the limit is 10 at most. `0` means no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '50',
    isNew: true,
  }),
  connections: key({
    about: 'The number of connections open at once. `0` means no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '2000',
    isNew: true,
  }),
  connections_per_address: key({
    about:
      'The number of connections open at once from one address; addresses in `trust_proxy` are exempt. `0` means no limit.',
    right: RIGHT,
    read: wholeNumber(0, MOST),
    fallback: '200',
    isNew: true,
  }),
};

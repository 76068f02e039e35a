import { key } from '../readers/key.ts';
import { boolean, duration, LONGEST_TIMER_SECONDS, oneOf, wholeNumber } from '../readers/readers.ts';
import { originsOrAny, pathPrefix, socketHost } from '../readers/web-addresses.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const GENERAL_KEYS = {
  socket_host: key({
    about: 'The address to listen on. `*` means every address of the machine, IPv4 and IPv6.',
    right: 'an address, a host name or *',
    read: socketHost,
    fallback: '127.0.0.1',
  }),
  socket_port: key({
    about: 'The TCP port to listen on. `0` takes any free port; the log shows which.',
    right: 'a whole number from 0 to 65535',
    read: wholeNumber(0, 65_535),
    fallback: '5000',
  }),
  server_prefix: key({
    about:
      'The path below which the service answers, as a proxy in front passes it on. Slashes at either end make no difference.',
    right: 'a path of letters, digits and . _ ~ -, such as / or /registry-usage',
    read: pathPrefix,
    fallback: '/',
  }),
  debug: key({
    about: '`True` lowers `log_level` to `debug`.',
    right: 'True or False',
    read: boolean,
    fallback: 'False',
  }),
  log_level: key({
    about: 'The least severe level that is logged. `debug` adds the origin of each setting and the progress of crawls.',
    right: `one of ${LOG_LEVELS.join(', ')}`,
    read: oneOf(LOG_LEVELS),
    fallback: 'info',
    isNew: true,
  }),
  cors_origins: key({
    about: 'The origins whose web pages may read responses in a browser. `*` means all origins, an empty value none.',
    right: '* alone, or origins such as https://example.com, separated by spaces or commas',
    read: originsOrAny,
    fallback: '*',
    isNew: true,
  }),
  update_interval: key({
    about:
      'The time from the start of one crawl to the start of the next. A crawl that takes longer is not interrupted.',
    right: 'a duration from 1 second to 24 days, such as 60 minutes',
    read: duration(LONGEST_TIMER_SECONDS),
    fallback: '60 minutes',
    isNew: true,
  }),
};

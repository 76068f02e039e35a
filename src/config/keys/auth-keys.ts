import { key, type Reader } from '../readers/key.ts';
import { line, optional, words } from '../readers/readers.ts';

export const METHODS = ['ldap', 'htpasswd'] as const;
export type Method = (typeof METHODS)[number];

const methods: Reader<readonly Method[]> = (text) => {
  const named = words(text.toLowerCase());
  const known = named.map((word) => METHODS.find((method) => method === word)).filter((method) => method !== undefined);
  if (known.length < named.length) return { wrong: 'contains a method other than ldap and htpasswd' };
  if (new Set(known).size < known.length) return { wrong: 'contains a method twice' };
  return known.length === 0 ? { wrong: 'is empty' } : { value: known };
};

export const AUTH_KEYS = {
  methods: key({
    about:
      'The ways to check a password, tried in this order: `ldap` is the directory of section [ldap], `htpasswd` is the file `htpasswd_file`. A user who is accepted by one of them is signed in. Without `ldap`, section [ldap] is not needed.',
    right: 'ldap, htpasswd or both, separated by spaces or commas',
    read: methods,
    fallback: 'ldap',
    isNew: true,
  }),
  htpasswd_file: key({
    about:
      'The account file: one line `name:hash` per user, with a bcrypt or Argon2 hash, as written by `htpasswd -B -C 12 FILE NAME` (docs/accounts.md). The service reloads it when it changes.',
    right: 'the path of a file that the service can read',
    read: optional(line),
    fallback: '',
    sample: '/etc/gitlab_registry_usage_rest.htpasswd',
    isNew: true,
  }),
  not_before_file: key({
    about:
      'The list of signed-out users: a line `name time` revokes all tokens that this user got up to that time; the name `*` revokes the tokens of all users (docs/accounts.md). The service reloads the file when it changes.',
    right: 'the path of a file that the service can read',
    read: optional(line),
    fallback: '',
    sample: '/etc/gitlab_registry_usage_rest.not-before',
    isNew: true,
  }),
};

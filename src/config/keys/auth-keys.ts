import { key, type Reader } from '../readers/key.ts';
import { line, optional, words } from '../readers/readers.ts';

export const METHODS = ['ldap', 'htpasswd'] as const;
export type Method = (typeof METHODS)[number];

const methods: Reader<readonly Method[]> = (text) => {
  const named = words(text.toLowerCase());
  const known = named.map((word) => METHODS.find((method) => method === word)).filter((method) => method !== undefined);
  if (known.length < named.length) return { wrong: 'names another way than ldap and htpasswd' };
  if (new Set(known).size < known.length) return { wrong: 'names one of them twice' };
  return known.length === 0 ? { wrong: 'is empty' } : { value: known };
};

export const AUTH_KEYS = {
  methods: key({
    about:
      'Where users are known, in the order of asking: `ldap` is the directory of the section [ldap], which may be left out where `ldap` is not named here, and `htpasswd` the file `htpasswd_file`. Whoever is let in by one of them is in.',
    right: 'ldap, htpasswd or both, separated by spaces or commas',
    read: methods,
    fallback: 'ldap',
    isNew: true,
  }),
  htpasswd_file: key({
    about:
      'Accounts of our own: a line `name:hash` each, with a hash of bcrypt or Argon2, as `htpasswd -B -C 12 FILE NAME` writes it (docs/accounts.md). Read again when it changes.',
    right: 'the path of a file that the service can read',
    read: optional(line),
    fallback: '',
    sample: '/etc/gitlab_registry_usage_rest.htpasswd',
    isNew: true,
  }),
  not_before_file: key({
    about:
      'Who is logged out: a line `name moment` ends all tokens of that user that were issued until then, and `*` those of everyone (docs/accounts.md). Read again when it changes.',
    right: 'the path of a file that the service can read',
    read: optional(line),
    fallback: '',
    sample: '/etc/gitlab_registry_usage_rest.not-before',
    isNew: true,
  }),
};

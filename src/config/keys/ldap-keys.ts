import { certificatesIn } from '../readers/certificates.ts';
import { accountName, attributeName, directoryHosts, distinguishedName } from '../readers/directory-hosts.ts';
import { key } from '../readers/key.ts';
import { boolean, duration, isAllZeros, line, oneOf, optional, replaced } from '../readers/readers.ts';

export const LDAP_KEYS = {
  host: key({
    about:
      'The LDAP servers, separated by spaces, tried in this order. A server without a scheme is reached over `ldaps://`, or over `ldap://` if `start_tls` is set. Plain `ldap://` sends passwords unencrypted.',
    right:
      'host names or addresses, each with or without ldap:// or ldaps:// and a port, such as ldaps://ldap.example.com:636',
    read: directoryHosts,
    sample: 'myldap.com',
  }),
  base_dn: key({
    about: 'The entry below which users are searched.',
    right: 'a distinguished name, such as ou=people,dc=example,dc=com',
    read: distinguishedName,
    sample: 'dc=example,dc=com',
  }),
  valid_gid: key({
    about: 'The value of `gid_attribute` that a user must have to sign in.',
    right: 'the group whose members may sign in, such as 10000 (without it, every user of the directory could)',
    read: replaced(isAllZeros, line),
    sample: '00000',
  }),
  username_attribute: key({
    about: 'The attribute that holds the user name.',
    right: 'the name of an attribute, such as uid or sAMAccountName',
    read: attributeName,
    fallback: 'uid',
  }),
  gid_attribute: key({
    about: 'The attribute that is compared with `valid_gid`.',
    right: 'the name of an attribute, such as gidNumber (without it, every user of the directory could sign in)',
    read: attributeName,
    fallback: 'gidNumber',
  }),
  nested_groups: key({
    about:
      'Whether users of groups inside the group `valid_gid` may sign in too, for a `gid_attribute` that holds distinguished names, such as `memberOf`. `in_chain` lets Active Directory find out. `walk` works with every server: the service reads the groups of the groups, at most 200 in all, with one search each.',
    right: 'one of no, in_chain, walk',
    read: oneOf(['no', 'in_chain', 'walk']),
    fallback: 'no',
    isNew: true,
  }),
  ca_file: key({
    about:
      'Certificates of authorities that are trusted for the LDAP servers, in addition to the well-known ones. The authority that issued the certificate of the server is enough. Read at the start.',
    right: 'the path of a readable PEM file with at least one certificate',
    read: optional(certificatesIn),
    fallback: '',
    sample: '/etc/ssl/certs/my-ca.pem',
    isNew: true,
  }),
  verify_certificate: key({
    about: 'Whether to verify the certificate of an LDAP server. With `false`, an impostor can collect passwords.',
    right: 'true or false',
    read: boolean,
    fallback: 'true',
    isNew: true,
  }),
  start_tls: key({
    about: 'Whether to encrypt `ldap://` connections with StartTLS before anything else is sent.',
    right: 'true or false',
    read: boolean,
    fallback: 'false',
    isNew: true,
  }),
  bind_dn: key({
    about:
      'The account that searches for users, if the directory does not allow anonymous searches. Needs `bind_password`.',
    right:
      'a distinguished name such as cn=reader,dc=example,dc=com; for Active Directory also reader@example.com or EXAMPLE\\reader',
    read: optional(accountName),
    fallback: '',
    sample: 'cn=reader,dc=example,dc=com',
    isNew: true,
  }),
  bind_password: key({
    about: 'The password of `bind_dn`.',
    right: 'the password of bind_dn, in one line',
    read: optional(line),
    fallback: '',
    isSecret: true,
    isNew: true,
  }),
  timeout: key({
    about: 'How long to wait for an LDAP server before the next one is tried.',
    right: 'a duration from 1 second to 1 hour, such as 10 seconds',
    read: duration(3600),
    fallback: '10 seconds',
    isNew: true,
  }),
};

import { isIP, isIPv4 } from 'node:net';
import { certificatesIn, privateKeyFileIn } from '../readers/certificates.ts';
import { key, type Reader } from '../readers/key.ts';
import { optional, words } from '../readers/readers.ts';
import { HOST_NAME, IPV6 } from '../readers/web-addresses.ts';

/** Addresses and networks (CIDR, RFC 4632), separated by spaces or commas. A network of everybody is none of proxies. */
const addressesAndNetworks: Reader<readonly string[]> = (text) => {
  const entries = words(text);
  for (const entry of entries) {
    const [address = '', bits, ...rest] = entry.split('/');
    const mostBits = isIPv4(address) ? 32 : 128;
    if (isIP(address) === 0 || rest.length > 0) return { wrong: 'holds an entry that is no address' };
    if (bits === undefined) continue;
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > mostBits) return { wrong: 'holds a network of no legal size' };
    if (Number(bits) === 0) return { wrong: 'holds a network of all addresses there are' };
  }
  return { value: entries };
};

/** Names and addresses as they stand in a URL, in lower case; undefined for an empty text. */
const hosts: Reader<readonly string[] | undefined> = (text) => {
  const entries = words(text).map((word) => word.toLowerCase().replace(/\.$/, ''));
  for (const entry of entries) {
    const inside = /^\[(.*)\]$/.exec(entry)?.[1];
    const isHost = inside === undefined ? HOST_NAME.test(entry) : IPV6.test(inside);
    if (!isHost) return { wrong: 'holds an entry that is no host (ports are left out, and IPv6 is in brackets)' };
  }
  return { value: entries.length === 0 ? undefined : entries };
};

/** Who may come, and by which way: the part of the section `general` that docs/security.md explains. */
export const HTTP_KEYS = {
  tls_certificate: key({
    about:
      'The certificate to serve HTTPS with, with the chain behind it if there is one. Needs `tls_key`. Both are read at the start and again at SIGHUP. Without them HTTP is served.',
    right: 'the path of a readable PEM file with at least one certificate',
    read: optional(certificatesIn),
    fallback: '',
    sample: '/etc/ssl/certs/my-service.pem',
    isNew: true,
  }),
  tls_key: key({
    about: 'The private key of `tls_certificate`.',
    right: 'the path of a readable PEM file with a private key that needs no password',
    read: optional(privateKeyFileIn),
    fallback: '',
    sample: '/etc/ssl/private/my-service.pem',
    isNew: true,
  }),
  trust_proxy: key({
    about:
      'The proxies in front of the service. Whose address the limits and the log are about is then what they add to `X-Forwarded-For`, which of others counts for nothing.',
    right: 'addresses or networks such as 127.0.0.1 or 10.0.0.0/8, separated by spaces or commas',
    read: addressesAndNetworks,
    fallback: '',
    sample: '127.0.0.1',
    isNew: true,
  }),
  allowed_hosts: key({
    about:
      'The names by which the service may be asked, in the header `Host` as it arrives here. Empty for any. `/health/…` answers to all.',
    right: 'host names or addresses without ports, such as usage.example.com, separated by spaces or commas',
    read: hosts,
    fallback: '',
    sample: 'usage.example.com',
    isNew: true,
  }),
};

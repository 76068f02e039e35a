import { isIP, isIPv4 } from 'node:net';
import { certificatesIn, privateKeyFileIn } from '../readers/certificates.ts';
import { key, type Reader } from '../readers/key.ts';
import { optional, words } from '../readers/readers.ts';
import { HOST_NAME, IPV6 } from '../readers/web-addresses.ts';

/** Addresses and networks (CIDR, RFC 4632), separated by spaces or commas. A network of all addresses is rejected: it would trust every client. */
const addressesAndNetworks: Reader<readonly string[]> = (text) => {
  const entries = words(text);
  for (const entry of entries) {
    const [address = '', bits, ...rest] = entry.split('/');
    const mostBits = isIPv4(address) ? 32 : 128;
    if (isIP(address) === 0 || rest.length > 0) return { wrong: 'contains an entry that is not an address' };
    if (bits === undefined) continue;
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > mostBits)
      return { wrong: 'contains a network with a wrong prefix length' };
    if (Number(bits) === 0) return { wrong: 'contains a network of all addresses' };
  }
  return { value: entries };
};

/** Reads host names and addresses as in a URL, in lower case; undefined for an empty text. */
const hosts: Reader<readonly string[] | undefined> = (text) => {
  const entries = words(text).map((word) => word.toLowerCase().replace(/\.$/, ''));
  for (const entry of entries) {
    const inside = /^\[(.*)\]$/.exec(entry)?.[1];
    const isHost = inside === undefined ? HOST_NAME.test(entry) : IPV6.test(inside);
    if (!isHost)
      return { wrong: 'contains an entry that is not a host (omit ports, and put IPv6 addresses in brackets)' };
  }
  return { value: entries.length === 0 ? undefined : entries };
};

/** TLS, proxies and host names: the part of section [general] that docs/security.md explains. */
export const HTTP_KEYS = {
  tls_certificate: key({
    about:
      'The certificate for HTTPS, followed by its chain if there is one. Needs `tls_key`. The service reads both at the start and on SIGHUP. Without them it serves HTTP.',
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
      'The addresses of the proxies in front of the service. For requests from them, limits and log use the client address that the proxy adds to `X-Forwarded-For`. That header is ignored in all other requests.',
    right: 'addresses or networks such as 127.0.0.1 or 10.0.0.0/8, separated by spaces or commas',
    read: addressesAndNetworks,
    fallback: '',
    sample: '127.0.0.1',
    isNew: true,
  }),
  allowed_hosts: key({
    about:
      'The host names that requests may have in their `Host` header, as it reaches the service. Empty accepts any name. `/health/…` accepts any name in every case.',
    right: 'host names or addresses without ports, such as usage.example.com, separated by spaces or commas',
    read: hosts,
    fallback: '',
    sample: 'usage.example.com',
    isNew: true,
  }),
};

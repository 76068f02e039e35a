import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Returns the key under which requests from an address are counted: an IPv4 address as a whole, and of an IPv6 address the first 64 bits, because
 * every customer has all addresses that begin with them (RFC 6177).
 */
export function rateLimitKey(address: string): string {
  if (!address.includes(':')) return address;
  const [, inside] = IPV4_IN_IPV6.exec(address) ?? [];
  if (inside !== undefined) return inside;
  return isIPv6(address) ? `${network64(address)}::/64` : address;
}

/** Returns the first four groups, with omitted groups filled in and without leading zeros. */
function network64(address: string): string {
  const [before = '', after] = address.replace(/%.*$/, '').split('::', 2);
  const first = before === '' ? [] : before.split(':');
  const last = after === undefined || after === '' ? [] : after.split(':');
  // An IPv4 address at the end stands for two groups.
  const lastCount = last.length + (after?.includes('.') ? 1 : 0);
  const zeros = after === undefined ? 0 : Math.max(0, 8 - first.length - lastCount);
  const groups = [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

/**
 * Returns a function that tells whether an address is the address of a trusted proxy.
 *
 * @param proxies addresses, and networks such as `10.0.0.0/8`
 */
export function createProxyCheck(proxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/', 2);
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const [bare = ''] = address.split('%', 1); // without the zone of a link-local address
    const version = isIP(bare);
    return version !== 0 && trusted.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  };
}

/** Returns the address that trusted proxies report; if that is not an address, the address of the connection. */
export function clientAddress({ ip, socket }: FastifyRequest): string {
  return isIP(ip) === 0 ? (socket.remoteAddress ?? '') : ip;
}

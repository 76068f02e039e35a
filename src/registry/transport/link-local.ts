import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Link-local addresses, and their IPv6 counterpart in clouds: cloud machines offer their credentials there. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6');

/** The `code` of the error when connecting to a link-local address. */
export const LINK_LOCAL_CODE = 'ERR_LINK_LOCAL';

/** Returns whether an address is link-local. It recognizes IPv4 addresses inside IPv6; a host name is not an address. */
export function isLinkLocal(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LINK_LOCAL.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Returns a lookup that fails if a name other than the configured ones resolves to a link-local address. */
export function createLookup(configuredHosts: ReadonlySet<string>, resolve: LookupFunction = lookup): LookupFunction {
  return (hostname, options, callback) =>
    resolve(hostname, options, (error, found, family) => {
      const addresses = typeof found === 'string' ? [found] : (found?.map(({ address }) => address) ?? []);
      if (configuredHosts.has(hostname) || !addresses.some(isLinkLocal)) return callback(error, found, family);
      const refusal = new Error(`${hostname} is a name for a link-local address`);
      callback(Object.assign(refusal, { code: LINK_LOCAL_CODE }), found, family);
    });
}

import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Link-local addresses, and the one like them of IPv6 clouds: there cloud machines keep their credentials. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
LINK_LOCAL.addAddress('fd00:ec2::254', 'ipv6');

/** The `code` of the failure to connect to a link-local address. */
export const LINK_LOCAL_CODE = 'ERR_LINK_LOCAL';

/** Whether the address is link-local; IPv4 within IPv6 is seen through, and a name is no address. */
export function isLinkLocal(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LINK_LOCAL.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Resolves names as ever, but fails where a name other than the configured ones stands for a link-local address. */
export function createLookup(configuredHosts: ReadonlySet<string>, resolve: LookupFunction = lookup): LookupFunction {
  return (hostname, options, callback) =>
    resolve(hostname, options, (error, found, family) => {
      const addresses = typeof found === 'string' ? [found] : (found?.map(({ address }) => address) ?? []);
      if (configuredHosts.has(hostname) || !addresses.some(isLinkLocal)) return callback(error, found, family);
      const refusal = new Error(`${hostname} is a name for a link-local address`);
      callback(Object.assign(refusal, { code: LINK_LOCAL_CODE }), found, family);
    });
}

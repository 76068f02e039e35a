import { expect, test } from 'vitest';
import { createProxyCheck, rateLimitKey } from '../../src/http/client-address.ts';

test.for([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:1::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['1:2:3:4:5:6:192.0.2.7', '1:2:3:4::/64'],
  ['1:2:3::5:192.0.2.7', '1:2:3:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
] as const)('counts %s under %s', ([address, by]) => {
  expect(rateLimitKey(address)).toBe(by);
});

test('trusts a proxy by its address or network, in either notation, and never by a name', () => {
  const isProxy = createProxyCheck(['192.0.2.1', '10.0.0.0/8', '2001:db8::/32']);
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '10.255.0.1', '2001:db8:1::1']) {
    expect(isProxy(address), address).toBe(true);
  }
  for (const address of ['192.0.2.2', '11.0.0.1', '2001:db9::1', '::1', 'localhost', 'unknown', '', 'fe80::1%eth0']) {
    expect(isProxy(address), address).toBe(false);
  }
});

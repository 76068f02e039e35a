import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startProxy } from '../../lab/proxy.ts';
import { startService } from '../../lab/service.ts';

test('sends all requests through the proxy of the environment, and does not log its password', async () => {
  const proxy = await startProxy('me:pr0xy-secret');
  proxy.fault = 403; // also with the right password, so that no request leaves this machine
  const settings = {
    general: { log_level: 'trace' },
    ldap: { host: 'ldap.invalid', base_dn: 'dc=invalid', valid_gid: 1 },
    jwt: { secret_key: 'the secret key of this run: 100% secret' },
    registry: {
      gitlab_base_url: 'http://gitlab.invalid',
      registry_base_url: 'http://registry.invalid',
      access_token: 'x',
    },
  };
  const url = proxy.url.replace('//', '//me:pr0xy-secret@');
  const service = await startService(settings, { http_proxy: url, no_proxy: '' });
  try {
    for (let tries = 0; !service.child.output().includes('crawl failed'); tries++) {
      if (tries > 5000) throw new Error(service.child.output());
      await sleep(20);
    }
  } finally {
    await service.stop();
    await proxy.stop();
  }
  expect(proxy.requests).toContain('GET http://registry.invalid/v2/');
  expect(service.child.output()).not.toContain('pr0xy-secret');
  expect(service.child.output()).not.toContain(Buffer.from('me:pr0xy-secret').toString('base64'));
});

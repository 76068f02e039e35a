import { layOutRegistry } from '../lab/layout.ts';
import { startRegistry } from '../lab/registry.ts';
import { startTokenService } from '../lab/token-service.ts';
import { crawl } from '../src/crawl/crawl.ts';
import { createDistributionRegistry } from '../src/registry/distribution.ts';
const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
const registry = await startRegistry({ tokens, accessLog: false });
await layOutRegistry(registry.storageDirectory, { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 });
for (const c of [32, 32, 16, 64, 8, 32, 24]) {
  const client = createDistributionRegistry({ registryUrl: new URL(`${registry.url}/`), tokenOrigins: [tokens.url], username: 'crawler', accessToken: 'secret', connections: c, timeoutMs: 30000, retries: 0, userAgent: 'b', clock: Date.now, warn: console.error });
  const t = performance.now(), u = process.cpuUsage();
  await crawl(client, { width: c, clock: Date.now, signal: new AbortController().signal });
  const s = (performance.now() - t) / 1000, cpu = process.cpuUsage(u);
  console.log(c, s.toFixed(2), 's', (client.requestsCount() / s).toFixed(0), 'r/s; our cpu', ((cpu.user + cpu.system) / 1e6).toFixed(2));
  await client.close();
}
await registry.remove(); await tokens.stop();

import { Agent } from 'undici';
import type { LabTokenService } from '../lab/token-service.ts';
import { MANIFEST_TYPES } from '../src/domain/manifest/media-types.ts';
import { createDistributionRegistry, type DistributionRegistry } from '../src/registry/distribution.ts';
import { sendOnce } from '../src/registry/transport/send-once.ts';
import { type BareRequest, load } from './wrk.ts';

/* Two references for the speed of a crawl, `wrk` and a bare loop, and the registry client that is compared with them. */

export const CONNECTIONS = 32;
const REPOSITORIES_PER_TOKEN = 20;
const ACCEPT = Object.values(MANIFEST_TYPES).join(', ');

/** Returns the requests of all repositories, with the tokens that a crawl would use. */
export async function withTokens(
  tokens: LabTokenService,
  names: readonly string[],
  requestsOf: (name: string) => readonly Omit<BareRequest, 'token'>[],
): Promise<readonly BareRequest[]> {
  const requests: BareRequest[] = [];
  const sorted = names.toSorted();
  for (let at = 0; at < sorted.length; at += REPOSITORIES_PER_TOKEN) {
    const together = sorted.slice(at, at + REPOSITORIES_PER_TOKEN);
    const token = await tokens.mint(together.map((name) => ({ type: 'repository', name, actions: ['pull'] })));
    for (const name of together) requests.push(...requestsOf(name).map((request) => ({ ...request, token })));
  }
  return requests;
}

/** Returns the requests per second of `wrk`, which discards the responses in C. */
export async function wrkRate(url: string, requests: readonly BareRequest[]): Promise<number> {
  const wanted = { url, requests, accept: ACCEPT, connections: CONNECTIONS, seconds: 7 };
  const { requestsPerSecond, errors } = await load(wanted);
  if (errors > 0) throw new Error(`${errors} requests of wrk have failed`);
  return requestsPerSecond;
}

/** Returns the requests per second of a loop over the crawler's HTTP library, which discards the responses in JavaScript. */
export async function loopRate(origin: string, requests: readonly BareRequest[]): Promise<number> {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 });
  const { signal } = new AbortController();
  const feed = requests.values();
  const worker = async (): Promise<void> => {
    for (const { method = 'GET', path, token, ifNoneMatch } of feed) {
      const condition = ifNoneMatch === undefined ? {} : { 'if-none-match': `"${ifNoneMatch}"` };
      const headers = { accept: ACCEPT, authorization: `Bearer ${token}`, ...condition };
      const wanted = { origin, path, method, headers, reset: false };
      const { status } = await sendOnce(agent, wanted, { signal, timeoutMs: 60_000 });
      if (status !== (ifNoneMatch === undefined ? 200 : 304))
        throw new Error(`a request of the bare loop got status ${status}`);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const seconds = (performance.now() - startedAt) / 1000;
  await agent.close();
  return Math.round(requests.length / seconds);
}

/** Creates the service's own registry client, which signs in as `crawler`. */
export function connect(registryUrl: string, tokenUrl: string): DistributionRegistry {
  return createDistributionRegistry({
    registryUrl: new URL(`${registryUrl}/`),
    tokenOrigins: [tokenUrl],
    username: 'crawler',
    accessToken: 'secret',
    concurrencyMin: 2,
    concurrencyMax: CONNECTIONS,
    requestsPerSecond: 0,
    timeoutMs: 30_000,
    retries: 0,
    userAgent: 'bench',
    clock: Date.now,
    steadyClock: () => performance.now(),
  });
}

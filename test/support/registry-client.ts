import { afterEach } from 'vitest';
import {
  createDistributionRegistry,
  type DistributionOptions,
  type DistributionRegistry,
} from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';

const clients: DistributionRegistry[] = [];

/** The clients of the current test, which are closed after it. */
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** Creates a client of the registry at that URL, by default without credentials. */
export function connect(url: string, options: Partial<DistributionOptions> = {}): DistributionRegistry {
  const client = createDistributionRegistry({
    registryUrl: new URL(`${url}/`),
    tokenOrigins: [url, ...(options.gitlabUrl === undefined ? [] : [options.gitlabUrl])].map(
      (known) => new URL(known).origin,
    ),
    ...CLIENT_DEFAULTS,
    concurrencyMin: 8,
    concurrencyMax: 8,
    ...options,
  });
  clients.push(client);
  return client;
}

const { signal } = new AbortController();

/** Returns all repositories that the client lists, sorted. */
export async function found(client: DistributionRegistry): Promise<readonly unknown[]> {
  const names: unknown[] = [];
  for await (const name of client.repositories(signal)) names.push(name);
  return names.sort();
}

import { afterEach } from 'vitest';
import {
  createDistributionRegistry,
  type DistributionOptions,
  type DistributionRegistry,
} from '../../src/registry/distribution.ts';
import { CLIENT_DEFAULTS } from './client-defaults.ts';

const clients: DistributionRegistry[] = [];

/** Each test's clients are closed after it. */
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

/** A client of the registry at that URL, for nobody in particular unless the options say who. */
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

/** All that a client finds, in order. */
export async function found(client: DistributionRegistry): Promise<readonly unknown[]> {
  const names: unknown[] = [];
  for await (const name of client.repositories(signal)) names.push(name);
  return names.sort();
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { LabService, Settings } from '../lab/service.ts';
import { createTokens } from '../src/auth/tokens.ts';

/* Settings of a service under test, and requests to it. The benchmark issues the tokens itself, so that no directory is needed. */

export const EVENTS_SECRET = 'what the registry shows';
const SECRET_KEY = 'a secret key for the bench, and for nothing else';
const LOOK_EVERY_MS = 20;
/** Requests are counted, so that the cost of counting is measured, but the limits are never reached. */
export const FAR_LIMITS = { requests_per_address: 10_000_000, requests_per_user: 10_000_000 };
const tokens = createTokens({ secretKey: SECRET_KEY, expiresInSeconds: 86_400, clock: Date.now });

export function settingsFor(registryUrl: string, gitlabUrl: string, further: Settings = {}): Settings {
  return {
    general: { log_level: 'info' },
    limits: FAR_LIMITS,
    ldap: { host: 'ldap://127.0.0.1:9', base_dn: 'dc=example,dc=com', valid_gid: 1 },
    jwt: { secret_key: SECRET_KEY },
    events: { secret: EVENTS_SECRET },
    registry: {
      gitlab_base_url: gitlabUrl,
      registry_base_url: registryUrl,
      username: 'crawler',
      access_token: 'secret',
    },
    ...further,
  };
}

/** Returns a token that is valid for a day. */
export function benchToken(): Promise<string> {
  return tokens.issue('bench');
}

/** Returns the status and the body of a response; any status is accepted. */
export async function getJson(service: LabService, path: string): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${await benchToken()}` };
  const response = await fetch(service.url + path, { headers });
  return { status: response.status, body: await response.json() };
}

/** Returns the snapshot that the service shows, and waits for the first one. */
export async function shownSnapshot(service: LabService): Promise<string> {
  for (;;) {
    const { status, body } = await getJson(service, '/repositories');
    const { snapshot } = body as { snapshot?: string };
    if (status === 200 && snapshot !== undefined) return snapshot;
    await sleep(LOOK_EVERY_MS);
  }
}

export interface CrawlStatus {
  readonly running: { readonly tags_found: number; readonly tags_read: number } | null;
  readonly snapshot: string | null;
}

export async function crawlStatus(service: LabService): Promise<CrawlStatus> {
  return (await getJson(service, '/collection')).body as CrawlStatus;
}

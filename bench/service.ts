import { setTimeout as sleep } from 'node:timers/promises';
import type { LabService, Settings } from '../lab/service.ts';
import { createTokens } from '../src/auth/tokens.ts';

/* The service as it runs, asked with tokens that were issued here: no directory has to answer for them. */

export const EVENTS_SECRET = 'what the registry shows';
const SECRET_KEY = 'a secret key for the bench, and for nothing else';
const LOOK_EVERY_MS = 20;
/** Counted, but never reached: what counting costs is measured, too. */
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

/** A token of the service, for a day. */
export function benchToken(): Promise<string> {
  return tokens.issue('bench');
}

/** An answer of any status, and its body. */
export async function ask(service: LabService, path: string): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${await benchToken()}` };
  const answer = await fetch(service.url + path, { headers });
  return { status: answer.status, body: await answer.json() };
}

/** The snapshot that the service shows; waits for the first one. */
export async function shown(service: LabService): Promise<string> {
  for (;;) {
    const { status, body } = await ask(service, '/repositories');
    const { snapshot } = body as { snapshot?: string };
    if (status === 200 && snapshot !== undefined) return snapshot;
    await sleep(LOOK_EVERY_MS);
  }
}

export interface Collection {
  readonly running: { readonly tags_found: number; readonly tags_read: number } | null;
  readonly snapshot: string | null;
}

export async function collection(service: LabService): Promise<Collection> {
  return (await ask(service, '/collection')).body as Collection;
}

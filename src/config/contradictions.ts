import { inAccounts } from './auth.ts';
import { inDiscovery } from './discovery-contradictions.ts';
import { isKeyOf } from './readers/certificates.ts';
import type { Values } from './schema.ts';

export interface Contradiction {
  readonly section: string;
  /** The key that the operator should look at; of several, the first one that is set. */
  readonly keys: readonly string[];
  readonly message: string;
  /** The key that the message misses: somewhere it may be set to nothing. */
  readonly without?: string;
}

/** The values of a section's keys, as far as they are right by themselves. */
type Read<S extends keyof Values> = Partial<Values[S]>;
type ReadSections = { readonly [S in 'general' | 'auth' | 'ldap' | 'registry']?: Read<S> };

/** What is right by itself and wrong together, and why. Keys that are wrong by themselves are absent. */
export function contradictions({
  general = {},
  auth = {},
  ldap = {},
  registry = {},
}: ReadSections): readonly Contradiction[] {
  return [
    ...inTls(general),
    ...inAccounts(auth),
    ...inDirectory(ldap),
    ...inPace(registry),
    ...inIdentity(registry),
    ...inDiscovery(registry),
  ];
}

function inTls(general: Read<'general'>): readonly Contradiction[] {
  const { tls_certificate: certificate, tls_key: key } = general;
  if (certificate === undefined || key === undefined || isKeyOf(key.pem, certificate))
    return halfOf('general', general, 'tls_certificate', 'tls_key');
  const message = 'is not the key of tls_certificate; expected the private key of the first certificate there';
  return [{ section: 'general', keys: ['tls_key'], message }];
}

function inDirectory(ldap: Read<'ldap'>): readonly Contradiction[] {
  const found = halfOf('ldap', ldap, 'bind_dn', 'bind_password');
  if (ldap.start_tls && ldap.host?.some(({ scheme }) => scheme === 'ldaps')) {
    const message = 'is true although a host is reached by ldaps://, which is encrypted already; expected one of them';
    return [...found, { section: 'ldap', keys: ['start_tls'], message }];
  }
  return found;
}

function inPace({ concurrency_min: least, concurrency_max: most }: Read<'registry'>): readonly Contradiction[] {
  if (least === undefined || most === undefined || least <= most) return [];
  const message = `does not fit: concurrency_min is ${least} and concurrency_max is ${most}; expected the first to be at most the second`;
  return [{ section: 'registry', keys: ['concurrency_max', 'concurrency_min'], message }];
}

function inIdentity(registry: Read<'registry'>): readonly Contradiction[] {
  const { client_certificate: certificate, client_key: key } = registry;
  if (certificate === undefined || key === undefined || isKeyOf(key, certificate))
    return halfOf('registry', registry, 'client_certificate', 'client_key');
  const message = 'is not the key of client_certificate; expected the private key of the first certificate there';
  return [{ section: 'registry', keys: ['client_key'], message }];
}

/** Where one of two keys that need each other is set without the other one. */
function halfOf(section: string, values: object, one: string, other: string): readonly Contradiction[] {
  const read: ReadonlyMap<string, unknown> = new Map(Object.entries(values));
  if (!read.has(one) || !read.has(other)) return [];
  const [isOne, isOther] = [read.get(one) !== undefined, read.get(other) !== undefined];
  if (isOne === isOther) return [];
  const [set, unset] = isOne ? [one, other] : [other, one];
  return [{ section, keys: [set], message: `is set without ${unset}; expected both or neither` }];
}

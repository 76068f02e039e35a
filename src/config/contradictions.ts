import { accountContradictions } from './auth.ts';
import type { Contradiction } from './contradiction.ts';
import { discoveryContradictions } from './discovery-contradictions.ts';
import { isKeyOf } from './readers/certificates.ts';
import type { Values } from './schema.ts';

/** The valid values of a section. */
type Read<S extends keyof Values> = Partial<Values[S]>;
type ReadSections = { readonly [S in 'general' | 'auth' | 'ldap' | 'registry']?: Read<S> };

/** Returns all contradictions. Keys whose values are invalid are absent from the arguments. */
export function contradictions({
  general = {},
  auth = {},
  ldap = {},
  registry = {},
}: ReadSections): readonly Contradiction[] {
  return [
    ...tlsContradictions(general),
    ...accountContradictions(auth),
    ...directoryContradictions(ldap),
    ...concurrencyContradictions(registry),
    ...clientCertificateContradictions(registry),
    ...discoveryContradictions(registry),
    ...tokenOriginContradictions(registry),
  ];
}

function tlsContradictions(general: Read<'general'>): readonly Contradiction[] {
  const { tls_certificate: certificate, tls_key: key } = general;
  if (certificate === undefined || key === undefined || isKeyOf(key.pem, certificate))
    return missingPartner('general', general, 'tls_certificate', 'tls_key');
  const message = 'is not the key of tls_certificate; expected the private key of the first certificate there';
  return [{ section: 'general', keys: ['tls_key'], message }];
}

function directoryContradictions(ldap: Read<'ldap'>): readonly Contradiction[] {
  const found = missingPartner('ldap', ldap, 'bind_dn', 'bind_password');
  if (ldap.start_tls && ldap.host?.some(({ scheme }) => scheme === 'ldaps')) {
    const message = 'is true although a host uses ldaps://, which is already encrypted; use one of the two';
    return [...found, { section: 'ldap', keys: ['start_tls'], message }];
  }
  return found;
}

function concurrencyContradictions({
  concurrency_min: least,
  concurrency_max: most,
}: Read<'registry'>): readonly Contradiction[] {
  if (least === undefined || most === undefined || least <= most) return [];
  const message = `is wrong: concurrency_min is ${least} and concurrency_max is ${most}; the first must not exceed the second`;
  return [{ section: 'registry', keys: ['concurrency_max', 'concurrency_min'], message }];
}

function clientCertificateContradictions(registry: Read<'registry'>): readonly Contradiction[] {
  const { client_certificate: certificate, client_key: key } = registry;
  if (certificate === undefined || key === undefined || isKeyOf(key, certificate))
    return missingPartner('registry', registry, 'client_certificate', 'client_key');
  const message = 'is not the key of client_certificate; expected the private key of the first certificate there';
  return [{ section: 'registry', keys: ['client_key'], message }];
}

/** Passwords must not be sent by plain http to a host that the configuration reaches by https. */
function tokenOriginContradictions(registry: Read<'registry'>): readonly Contradiction[] {
  const { token_origins: origins = [], registry_base_url, gitlab_base_url } = registry;
  const httpsHosts = [registry_base_url, gitlab_base_url, ...origins]
    .filter((text) => text !== undefined)
    .map((text) => new URL(text))
    .filter(({ protocol }) => protocol === 'https:')
    .map(({ hostname }) => hostname);
  const plain = origins.find((origin) => {
    const { protocol, hostname } = new URL(origin);
    return protocol === 'http:' && httpsHosts.includes(hostname);
  });
  if (plain === undefined) return [];
  const message = `"${plain}" is plain http, but the same host is reached by https elsewhere in this section; passwords would be sent unprotected. Use its https origin`;
  return [{ section: 'registry', keys: ['token_origins'], message }];
}

/** Returns a contradiction if only one of two keys that need each other is set. */
function missingPartner(section: string, values: object, one: string, other: string): readonly Contradiction[] {
  const read: ReadonlyMap<string, unknown> = new Map(Object.entries(values));
  if (!read.has(one) || !read.has(other)) return [];
  const [isOne, isOther] = [read.get(one) !== undefined, read.get(other) !== undefined];
  if (isOne === isOther) return [];
  const [set, unset] = isOne ? [one, other] : [other, one];
  return [{ section, keys: [set], message: `is set without ${unset}; set both or neither` }];
}

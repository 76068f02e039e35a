import { AUTH_KEYS } from './keys/auth-keys.ts';
import { EVENTS_KEYS } from './keys/events-keys.ts';
import { GENERAL_KEYS } from './keys/general-keys.ts';
import { HTTP_KEYS } from './keys/http-keys.ts';
import { JWT_KEYS } from './keys/jwt-keys.ts';
import { LDAP_KEYS } from './keys/ldap-keys.ts';
import { LIMITS_KEYS } from './keys/limits-keys.ts';
import { METRICS_KEYS } from './keys/metrics-keys.ts';
import { REGISTRY_KEYS } from './keys/registry-keys.ts';
import { STORE_KEYS } from './keys/store-keys.ts';
import type { KeyValue, Section } from './readers/key.ts';

/** Every section and key: the only source for validation, documentation and the default file. */
export const SCHEMA = {
  general: { about: 'The service itself.', keys: { ...GENERAL_KEYS, ...HTTP_KEYS } },
  limits: { about: 'The limits on requests, sign-ins and connections (docs/security.md).', keys: LIMITS_KEYS },
  auth: { about: 'How users sign in, and which users are signed out.', keys: AUTH_KEYS },
  ldap: { about: 'The LDAP directory of the users.', keys: LDAP_KEYS },
  jwt: { about: 'The tokens that users get when they sign in.', keys: JWT_KEYS },
  registry: { about: 'The registry to read.', keys: REGISTRY_KEYS },
  events: { about: 'The notifications of the registry.', keys: EVENTS_KEYS },
  metrics: { about: 'The metrics for Prometheus.', keys: METRICS_KEYS },
  store: { about: 'The data that outlives a restart.', keys: STORE_KEYS },
} satisfies Record<string, Section>;

/** The schema without its exact types, for loops. */
export const SECTIONS: ReadonlyMap<string, Section> = new Map<string, Section>(Object.entries(SCHEMA));

/** The value of every key, by section and name. */
export type Values = {
  readonly [S in keyof typeof SCHEMA]: {
    readonly [K in keyof (typeof SCHEMA)[S]['keys']]: KeyValue<(typeof SCHEMA)[S]['keys'][K]>;
  };
};

/** The values of every section in use; [ldap] is not if another method checks passwords. */
export type UsedValues = Omit<Values, 'ldap'> & Partial<Pick<Values, 'ldap'>>;

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

/** Every section and key there is. What is checked, documented and printed by default is read from here and nowhere else. */
export const SCHEMA = {
  general: { about: 'The service itself.', keys: { ...GENERAL_KEYS, ...HTTP_KEYS } },
  limits: { about: 'How much one may ask for (docs/security.md).', keys: LIMITS_KEYS },
  auth: { about: 'Where users are known, and who has been logged out.', keys: AUTH_KEYS },
  ldap: { about: 'The directory of those who may sign in.', keys: LDAP_KEYS },
  jwt: { about: 'The tokens that users get for their password.', keys: JWT_KEYS },
  registry: { about: 'The registry that is looked at.', keys: REGISTRY_KEYS },
  events: { about: 'What the registry tells by itself.', keys: EVENTS_KEYS },
  metrics: { about: 'What Prometheus is told.', keys: METRICS_KEYS },
  store: { about: 'What is kept from start to start.', keys: STORE_KEYS },
} satisfies Record<string, Section>;

/** The schema without its exact types, to walk through. */
export const SECTIONS: ReadonlyMap<string, Section> = new Map<string, Section>(Object.entries(SCHEMA));

/** The value of every key, by section and name. */
export type Values = {
  readonly [S in keyof typeof SCHEMA]: {
    readonly [K in keyof (typeof SCHEMA)[S]['keys']]: KeyValue<(typeof SCHEMA)[S]['keys'][K]>;
  };
};

/** The values of every section that is used: there may be no directory. */
export type UsedValues = Omit<Values, 'ldap'> & Partial<Pick<Values, 'ldap'>>;

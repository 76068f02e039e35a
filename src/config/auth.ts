import type { Contradiction } from './contradictions.ts';
import { AUTH_KEYS, type Method } from './keys/auth-keys.ts';
import type { Values } from './schema.ts';

export interface AuthConfig {
  /** In the order of asking; at least one, and each once. */
  readonly methods: readonly Method[];
  /** Defined exactly where `htpasswd` is one of the methods. */
  readonly htpasswdFile: string | undefined;
  readonly notBeforeFile: string | undefined;
}

export function authOf({ methods, htpasswd_file, not_before_file }: Values['auth']): AuthConfig {
  return { methods, htpasswdFile: htpasswd_file, notBeforeFile: not_before_file };
}

/**
 * Where no directory is asked, nothing has to be said of one, and what is said does not count.
 *
 * @param methods the text of the key, undefined where it is not set
 */
export function isSectionUsed(section: string, methods: string | undefined): boolean {
  const read = AUTH_KEYS.methods.read(methods ?? AUTH_KEYS.methods.fallback ?? '');
  return section !== 'ldap' || 'wrong' in read || read.value.includes('ldap');
}

/** What of the accounts is right by itself and wrong together. */
export function inAccounts(auth: Partial<Values['auth']>): readonly Contradiction[] {
  const { methods, htpasswd_file: file } = auth;
  if (methods === undefined || !('htpasswd_file' in auth)) return [];
  const isAsked = methods.includes('htpasswd');
  if (isAsked && file === undefined) {
    const message = 'names htpasswd, and htpasswd_file is not set; expected both';
    return [{ section: 'auth', keys: ['methods'], message }];
  }
  if (isAsked || file === undefined) return [];
  const message = 'is set, and counts only where methods names htpasswd; expected both or neither';
  return [{ section: 'auth', keys: ['htpasswd_file'], message }];
}

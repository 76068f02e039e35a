import type { Contradiction } from './contradiction.ts';
import { AUTH_KEYS, type Method } from './keys/auth-keys.ts';
import type { Values } from './schema.ts';

export interface AuthConfig {
  /** In the order in which they are tried; at least one, without duplicates. */
  readonly methods: readonly Method[];
  /** Defined exactly if `htpasswd` is one of the methods. */
  readonly htpasswdFile: string | undefined;
  readonly notBeforeFile: string | undefined;
}

export function authConfigOf({ methods, htpasswd_file, not_before_file }: Values['auth']): AuthConfig {
  return { methods, htpasswdFile: htpasswd_file, notBeforeFile: not_before_file };
}

/**
 * Returns whether a section is in use: [ldap] is ignored, and may be missing, if `ldap` is not among the methods.
 *
 * @param methods the text of the key; undefined if it is not set
 */
export function isSectionUsed(section: string, methods: string | undefined): boolean {
  const read = AUTH_KEYS.methods.read(methods ?? AUTH_KEYS.methods.fallback ?? '');
  return section !== 'ldap' || 'wrong' in read || read.value.includes('ldap');
}

/** Returns the contradictions between `methods` and `htpasswd_file`. */
export function accountContradictions(auth: Partial<Values['auth']>): readonly Contradiction[] {
  const { methods, htpasswd_file: file } = auth;
  if (methods === undefined || !('htpasswd_file' in auth)) return [];
  const isAsked = methods.includes('htpasswd');
  if (isAsked && file === undefined) {
    const message = 'contains htpasswd, but htpasswd_file is not set; set it, or remove htpasswd';
    return [{ section: 'auth', keys: ['methods'], message }];
  }
  if (isAsked || file === undefined) return [];
  const message = 'has no effect unless methods contains htpasswd; add that, or remove this key';
  return [{ section: 'auth', keys: ['htpasswd_file'], message }];
}

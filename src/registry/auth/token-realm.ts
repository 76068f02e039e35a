import { RegistryError } from '../errors.ts';
import { isUpgrade } from '../transport/redirects.ts';

export interface TokenOrigins {
  /** The only origins that receive the credentials. */
  readonly tokenOrigins: readonly string[];
}

/**
 * Returns the address of a token service that may receive the credentials. The registry chooses the realm: without this check, a hostile registry could
 * collect the password. A realm `http://` at the host of an https registry is read as `https://`.
 *
 * @param from the URL of the response that names the realm
 */
export function tokenRealm(text: string, from: URL, options: TokenOrigins): URL | RegistryError {
  if (!URL.canParse(text))
    return new RegistryError('unavailable', 'the registry does not name its token service', from);
  const realm = new URL(text);
  const allowed = [...options.tokenOrigins, from.origin];
  if (realm.protocol === 'http:' && isHttpsHost(realm, allowed)) {
    const hasDefaultPort = realm.port === '';
    const secured = new URL(realm);
    // The port of the plain address stays, unless it is the default one.
    secured.protocol = 'https:';
    if (hasDefaultPort || allowed.includes(secured.origin)) return secured;
    const what = `the registry names a token service at ${realm.origin}, but passwords are not sent to this host by plain http; configure an https:// realm in the registry`;
    return new RegistryError('unavailable', what, from);
  }
  if (allowed.includes(realm.origin)) return realm;
  const what = `the registry names a token service at ${realm.origin}, which is not a configured origin; if it is the right one, add it to token_origins`;
  return new RegistryError('unavailable', what, from);
}

/** Returns whether a redirect of the token service may receive the credentials: at the same origin, at an allowed one, or at https of the same host. */
export function isAllowedRedirect(target: URL, from: URL, options: TokenOrigins): boolean {
  if (target.origin === from.origin || isUpgrade(target, from)) return true;
  if (target.protocol === 'http:' && (from.protocol === 'https:' || isHttpsHost(target, options.tokenOrigins)))
    return false;
  return options.tokenOrigins.includes(target.origin);
}

/** Returns whether one of these origins is https at the same host. */
export function isHttpsHost({ hostname }: URL, origins: readonly string[]): boolean {
  return origins.map((origin) => new URL(origin)).some((url) => url.protocol === 'https:' && url.hostname === hostname);
}

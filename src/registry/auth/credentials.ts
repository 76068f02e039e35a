import { Buffer } from 'node:buffer';

/** A user name and a password or access token. If one is missing, requests are anonymous. */
export interface Credentials {
  readonly username?: string | undefined;
  readonly accessToken?: string | undefined;
}

/** Returns the value of an `Authorization` header (RFC 7617); undefined for anonymous requests. */
export function basicAuthorization({ username, accessToken }: Credentials): string | undefined {
  if (username === undefined || accessToken === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${accessToken}`).toString('base64')}`;
}

import { Buffer } from 'node:buffer';

/** Who asks. Without both of them it is nobody in particular. */
export interface Credentials {
  readonly username?: string | undefined;
  readonly accessToken?: string | undefined;
}

/** The value of an `Authorization` header (RFC 7617); undefined for nobody in particular. */
export function basicAuthorization({ username, accessToken }: Credentials): string | undefined {
  if (username === undefined || accessToken === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${accessToken}`).toString('base64')}`;
}

import type { Logger } from './log.ts';
import { messageOf } from './message.ts';

/** A user name in a log line is cut to this length. */
const LONGEST_USER = 200;

/** Returns the report of sign-ins and of the files of section [auth]: a constant message, and the facts as fields. */
export function authEvents(log: Logger) {
  const cut = (user: string): string => user.slice(0, LONGEST_USER);
  return {
    signedIn: (user: string, method: string): void => log.info({ user: cut(user), method }, 'signed in'),
    refused: (user: string, methods: readonly string[]): void =>
      log.info({ user: cut(user), methods }, 'sign-in refused'),
    methodFailed: (method: string, error: unknown): void =>
      log.error({ method, reason: messageOf(error) }, 'sign-in method failed, another one answered'),
    reloaded: (setting: string): void => log.info({ setting }, 'file reloaded'),
    notReloaded: (setting: string, problems: readonly string[]): void =>
      log.error({ setting, problems }, 'file not reloaded, its last content stays in use'),
    exposed: (setting: string, path: string): void => log.warn({ setting, path }, 'file accessible to other users'),
  };
}

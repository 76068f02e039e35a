import { startDirectory, VALID_GID } from '../lab/directory.ts';
import { createLdapDirectory } from '../src/auth/ldap-directory.ts';
import { median } from './median.ts';

const ROUNDS = 200;
/** Refused for different reasons: a wrong password, another group, no such user, and a name that two entries have. */
const ATTEMPTS = {
  wrongPassword: ['alice', 'wrong'],
  otherGroup: ['bob', 'bob-secret'],
  unknownUser: ['nobody', 'wrong'],
  twoEntries: ['twin', 'twin-secret'],
} as const;

/** Measures whether the time of a refused sign-in at a directory tells its reason: medians in milliseconds, of attempts in turn. */
export async function benchSignIn(): Promise<object> {
  const lab = await startDirectory();
  try {
    const directory = createLdapDirectory({
      urls: [lab.ldapsUrl],
      baseDn: lab.baseDn,
      usernameAttribute: 'uid',
      gidAttribute: 'gidNumber',
      validGid: VALID_GID,
      nestedGroups: 'no',
      ca: lab.ca,
      verifyCertificate: true,
      startTls: false,
      bindDn: lab.reader.dn,
      bindPassword: lab.reader.password,
      timeoutMs: 5000,
    });
    const times = Object.keys(ATTEMPTS).map((name) => [name, [] as number[]] as const);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, milliseconds] of times) {
        const [user, password] = ATTEMPTS[name as keyof typeof ATTEMPTS];
        const startedAt = performance.now();
        if ((await directory.authenticate(user, password)) !== undefined) throw new Error(`${name} was accepted`);
        milliseconds.push(performance.now() - startedAt);
      }
    }
    return Object.fromEntries(times.map(([name, all]) => [name, Math.round(median(all) * 100) / 100]));
  } finally {
    await lab.remove();
  }
}

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { forward } from '../../lab/forward.ts';
import type { LabPerson } from '../../lab/person.ts';
import { run } from '../../lab/run.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { createLdapDirectory, type LdapOptions } from '../../src/auth/ldap-directory.ts';
import type { Directory } from '../../src/ports.ts';

let lab: LabDirectory;
let closed: LabDirectory;
const cleanups: ((() => Promise<void>) | undefined)[] = [];

beforeAll(async () => {
  [lab, closed] = await Promise.all([startDirectory(), startDirectory({ isAnonymousAllowed: false })]);
});

afterAll(async () => {
  for (const cleanup of cleanups) await cleanup?.();
  await Promise.all([lab.remove(), closed.remove()]);
});

/** Starts a directory that answers the binds of these people with special results. It is removed after the tests. */
async function refusingDirectory(people: readonly LabPerson[]): Promise<LabDirectory> {
  const started = await startDirectory({ people });
  cleanups.push(started.remove);
  return started;
}

function directory(options: Partial<LdapOptions> = {}): Directory {
  return createLdapDirectory({
    urls: [lab.ldapsUrl],
    baseDn: lab.baseDn,
    usernameAttribute: 'uid',
    gidAttribute: 'gidNumber',
    validGid: VALID_GID,
    nestedGroups: 'no',
    ca: lab.ca,
    verifyCertificate: true,
    startTls: false,
    bindDn: undefined,
    bindPassword: undefined,
    timeoutMs: 5000,
    ...options,
  });
}

describe('the check of a password', () => {
  test('accepts the right password of a user of the group, also with non-ASCII characters and colons', async () => {
    expect(await directory().authenticate('alice', 'alice-secret')).toEqual({ name: 'alice', groups: [VALID_GID] });
    expect(await directory().authenticate('jürgen', 'pä:s:wörd')).toBeDefined();
    expect(await directory().authenticate("o'brien(x)*", 'odd-secret')).toBeDefined();
  });

  test('returns the name as the directory spells it, whatever the user has entered', async () => {
    for (const spelling of ['alice', 'ALICE', ' Alice ', 'ａｌｉｃｅ'])
      expect((await directory().authenticate(spelling, 'alice-secret'))?.name, spelling).toBe('alice');
  });

  test('asks the directory for the same operations whether the user exists or not', async () => {
    const logging = await startDirectory({ isLogging: true });
    cleanups.push(logging.remove);
    const operations = async (user: string, password: string) => {
      const before = logging.log().length;
      await directory({ urls: [logging.ldapsUrl], ca: logging.ca }).authenticate(user, password);
      const ends = () =>
        [
          ...logging
            .log()
            .slice(before)
            .matchAll(/op=\d+ (UNBIND)/g),
        ].length;
      for (let tries = 0; ends() < 2 && tries < 500; tries++) await sleep(10);
      return [
        ...logging
          .log()
          .slice(before)
          .matchAll(/op=\d+ (BIND|SRCH|UNBIND|SEARCH RESULT|RESULT) /g),
      ].map(([, what]) => what);
    };
    const known = await operations('alice', 'wrong');
    expect(known).toContain('BIND');
    for (const [user, password] of [
      ['nobody', 'wrong'],
      ['bob', 'bob-secret'],
      ['twin', 'twin-secret'],
      ['nogroup', 'x'],
    ] as const)
      expect(await operations(user, password), user).toEqual(known);
  });

  test('refuses a wrong password, another group or none, an unknown user, and a user without a password', async () => {
    const pairs = [
      ['alice', 'wrong'],
      ['bob', 'bob-secret'],
      ['nogroup', 'nogroup-secret'],
      ['nobody', 'x'],
      ['ghost', 'x'],
    ] as const;
    for (const [user, password] of pairs) expect(await directory().authenticate(user, password), user).toBeUndefined();
  });

  test('refuses a user whose bind the server refuses for any reason, without asking the next server', async () => {
    const results = {
      constraintViolation: 19, // how 389 Directory Server answers for an account that is locked
      noSuchObject: 32,
      invalidDNSyntax: 34,
      inappropriateAuthentication: 48,
      invalidCredentials: 49,
      insufficientAccessRights: 50,
      unwillingToPerform: 53,
    };
    const people = Object.entries(results).map(([uid, result]) => ({ uid, gidNumber: 10000, bind: { result } }));
    const refusing = await refusingDirectory(people);
    const urls = [refusing.ldapsUrl, `ldaps://127.0.0.1:${await freePort()}`];
    for (const { uid } of people) {
      expect(await directory({ urls, ca: refusing.ca }).authenticate(uid, 'x'), uid).toBeUndefined();
    }
  });

  test('asks the next server if a server cannot check passwords', async () => {
    const results = { strongerAuthRequired: 8, confidentialityRequired: 13, busy: 51, unavailable: 52 };
    const people = Object.entries(results).map(([uid, result]) => ({ uid, gidNumber: 10000, bind: { result } }));
    const [unable, able] = await Promise.all([
      refusingDirectory(people),
      refusingDirectory(people.map(({ uid }) => ({ uid, gidNumber: 10000, password: 'right' }))),
    ]);
    for (const { uid } of people) {
      const only = directory({ urls: [unable.ldapsUrl], ca: unable.ca });
      await expect(only.authenticate(uid, 'right'), uid).rejects.toThrow('could not check the password (');
      const both = directory({ urls: [unable.ldapsUrl, able.ldapsUrl], ca: unable.ca + able.ca });
      expect(await both.authenticate(uid, 'right'), uid).toBeDefined();
    }
  });

  test('refuses an empty name or password, with which a bind would succeed anonymously', async () => {
    expect(await directory().authenticate('alice', '')).toBeUndefined();
    expect(await directory().authenticate('', 'alice-secret')).toBeUndefined();
  });

  test('refuses a name that two entries have', async () => {
    expect(await directory().authenticate('twin', 'twin-secret')).toBeUndefined();
  });

  test('does not interpret a name as part of a distinguished name', async () => {
    const dn = `employeeNumber=0,ou=people,${lab.baseDn}`;
    for (const name of [
      dn,
      `uid=alice,ou=people,${lab.baseDn}`,
      'alice,ou=people',
      'alice\\,ou=people',
      'alice+employeeNumber=0',
      'uid=alice',
      '"alice"',
      '#616c696365',
      '\\61lice',
      lab.reader.dn,
      'reader',
    ]) {
      for (const password of ['alice-secret', lab.reader.password])
        expect(await directory().authenticate(name, password), name).toBeUndefined();
    }
  });

  test('accepts a user whose distinguished name is full of escapes', async () => {
    const cn = '#a, b+c "d" <e>; f=g\\h, ou=people';
    const people = [
      { uid: 'odd', cn, password: 'odd-password', gidNumber: 10000 },
      { uid: 'a', cn: 'a', password: 'other-password', gidNumber: 10000 },
    ];
    const odd = await refusingDirectory(people);
    const { authenticate } = directory({ urls: [odd.ldapsUrl], ca: odd.ca });
    expect(await authenticate('odd', 'odd-password')).toBeDefined();
    expect(await authenticate('odd', 'other-password')).toBeUndefined();
    expect(await authenticate(cn, 'odd-password')).toBeUndefined();
  });

  test('does not interpret a name as a filter', async () => {
    for (const name of [
      'ali*',
      '*',
      'a)(uid=*',
      '*)(uid=alice',
      'al\\69ce',
      'bob)(|(gidNumber=*',
      '(',
      ')',
      '\0',
      'alice\0',
    ]) {
      expect(await directory().authenticate(name, 'alice-secret'), name).toBeUndefined();
    }
  });
});

describe('the connection to the directory', () => {
  const signIn = (options: Partial<LdapOptions>) => directory(options).authenticate('alice', 'alice-secret');

  test('works without encryption, over ldaps, and with StartTLS', async () => {
    expect(await signIn({ urls: [lab.ldapUrl] })).toBeDefined();
    expect(await signIn({ urls: [lab.ldapUrl], startTls: true })).toBeDefined();
    expect(await signIn({ urls: [lab.ldapsUrl] })).toBeDefined();
  });

  test('refuses an untrusted certificate, unless the configuration allows it', async () => {
    await expect(signIn({ ca: undefined })).rejects.toThrow('DEPTH_ZERO_SELF_SIGNED_CERT');
    await expect(signIn({ ca: closed.ca })).rejects.toThrow('has a certificate that is not trusted');
    await expect(signIn({ ca: undefined, urls: [lab.ldapUrl], startTls: true })).rejects.toThrow('SELF_SIGNED');
    expect(await signIn({ ca: undefined, verifyCertificate: false })).toBeDefined();
    expect(
      await signIn({ ca: undefined, verifyCertificate: false, urls: [lab.ldapUrl], startTls: true }),
    ).toBeDefined();
  });

  test('refuses a certificate of another name, over ldaps and with StartTLS', async () => {
    const ports = [lab.ldapsUrl, lab.ldapUrl].map((url) => new URL(url).port);
    const [secure, plain] = await Promise.all(ports.map((port) => forward('127.0.0.2', Number(port))));
    cleanups.push(secure?.stop, plain?.stop);
    await expect(signIn({ urls: [`ldaps://127.0.0.2:${secure?.port}`] })).rejects.toThrow(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    const startTls = { urls: [`ldap://127.0.0.2:${plain?.port}`], startTls: true };
    await expect(signIn(startTls)).rejects.toThrow('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await signIn({ ...startTls, verifyCertificate: false })).toBeDefined();
  });

  test('tries the servers in turn, and takes the refusal of a password as the answer', async () => {
    const dead = `ldaps://127.0.0.1:${await freePort()}`;
    expect(await signIn({ urls: [dead, lab.ldapsUrl] })).toBeDefined();
    expect(await directory({ urls: [lab.ldapsUrl, dead] }).authenticate('alice', 'wrong')).toBeUndefined();
    await expect(signIn({ urls: [dead, dead] })).rejects.toThrow(
      `no LDAP server could check the user: ${dead} refused the connection (ECONNREFUSED); ${dead} refused the connection (ECONNREFUSED)`,
    );
  });

  test('searches with the search account if anonymous searches are not allowed', async () => {
    const urls = [closed.ldapsUrl];
    const reader = { bindDn: closed.reader.dn, bindPassword: closed.reader.password };
    expect(await signIn({ urls, ca: closed.ca, ...reader })).toBeDefined();
    const failure = await signIn({ urls, ca: closed.ca, ...reader, bindPassword: 'wrong-reader-secret' }).catch(String);
    expect(failure).toBe(
      `DirectoryError: no LDAP server could check the user: ${urls[0]} refused the search account, bind_dn (InvalidCredentials, LDAP result 49): bind_dn or bind_password is wrong`,
    );
  });

  test('throws while the directory is down, and works again after it has come back', async () => {
    await closed.kill();
    const urls = [closed.ldapsUrl];
    await expect(signIn({ urls, ca: closed.ca })).rejects.toThrow('ECONNREFUSED');
    await closed.start();
    const reader = { bindDn: closed.reader.dn, bindPassword: closed.reader.password };
    expect(await signIn({ urls, ca: closed.ca, ...reader })).toBeDefined();
  });

  test('describes the failure of each server by its URL, without the user name', async () => {
    const urls = [
      `ldap://127.0.0.1:${await freePort()}`,
      `ldaps://localhost:${new URL(closed.ldapsUrl).port}`,
      `ldaps://127.0.0.1:${new URL(lab.ldapUrl).port}`,
      `ldap://127.0.0.1:${new URL(lab.ldapsUrl).port}`,
      'ldaps://no-such-host.invalid',
      closed.ldapUrl,
    ];
    const failure = await directory({ urls }).authenticate('alice', 'alice-secret').catch(String);
    expect(String(failure).split(/: (?=ldap)|; /)).toEqual([
      'DirectoryError: no LDAP server could check the user',
      `${urls[0]} refused the connection (ECONNREFUSED)`,
      `${urls[1]} has a certificate that is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)`,
      `${urls[2]} closed the connection or cannot be reached (ECONNRESET)`,
      `${urls[3]} closed the connection or cannot be reached`,
      expect.stringMatching(/^ldaps:\S+ (?:could not be found \((?:ENOTFOUND|EAI_AGAIN)\)|did not respond in time)$/),
      `${urls[5]} refused the search for the user (InsufficientAccess, LDAP result 50): allow bind_dn to search, or set bind_dn if it is not set`,
    ]);
  });

  test('trusts a server whose certificate comes from an authority in ca_file that is itself issued by another one', async () => {
    const chain = await makeChain();
    const server = createTlsServer({ cert: chain.leaf, key: chain.leafKey }, (socket) => socket.destroy());
    const port = await listening(server);
    const url = `ldaps://127.0.0.1:${port}`;
    const failure = (ca: string) => signIn({ urls: [url], ca, timeoutMs: 3000 }).catch(String);
    expect(await failure(chain.intermediate)).toContain('closed the connection');
    expect(await failure(lab.ca)).toContain('add the certificate of that authority to ca_file');
  });

  test.each([
    [8, 'ldaps://'],
    [10, 'refers to another server'],
    [48, 'set bind_dn'],
    [53, 'set bind_dn'],
  ])('says what to do if the search ends with result %i', async (result, advice) => {
    const port = await searchResultServer(result);
    await expect(signIn({ urls: [`ldap://127.0.0.1:${port}`] })).rejects.toThrow(advice);
  });

  test('times out for a silent server: before TLS, after it, and in the StartTLS handshake', async () => {
    const [silent, accepting] = await Promise.all([silentServer(), silentServer(STARTTLS_ACCEPTED)]);
    const failure = (url: string, startTls: boolean) => signIn({ urls: [url], startTls, timeoutMs: 300 }).catch(String);
    const urls = [
      `ldaps://127.0.0.1:${silent}`,
      `ldap://127.0.0.1:${silent}`,
      `ldap://127.0.0.1:${accepting}`,
    ] as const;
    const failures = await Promise.all([failure(urls[0], false), failure(urls[1], false), failure(urls[2], true)]);
    const timedOut = (url: string) =>
      `DirectoryError: no LDAP server could check the user: ${url} did not respond in time`;
    expect(failures).toEqual(urls.map(timedOut));
  });

  test('names a base_dn that does not exist', async () => {
    await expect(signIn({ baseDn: 'dc=no,dc=such' })).rejects.toThrow(
      `${lab.ldapsUrl} refused the search for the user (NoSuchObject, LDAP result 32): base_dn does not exist`,
    );
  });
});

describe('groups inside the valid group', () => {
  /** anna is in the group `developers`, which is in `staff`, which is in `users`; otto is in a circle of groups. */
  const GROUPS = [
    { cn: 'users' },
    { cn: 'staff', memberOf: 'users' },
    { cn: 'developers', memberOf: 'staff' },
    { cn: 'circle', memberOf: 'round' },
    { cn: 'round', memberOf: 'circle' },
  ];
  const people = [
    { uid: 'anna', password: 'anna-secret', memberOf: 'developers' },
    { uid: 'otto', password: 'otto-secret', memberOf: 'circle' },
    { uid: 'lone', password: 'lone-secret', memberOf: 'gone' },
  ];

  test('are found by a walk upwards, and circles and missing groups end it', async () => {
    const nested = await startDirectory({ people, groups: GROUPS });
    cleanups.push(nested.remove);
    const accounts = directory({
      urls: [nested.ldapsUrl],
      ca: nested.ca,
      gidAttribute: 'memberOf',
      validGid: `CN=users, ou=groups, ${nested.baseDn}`,
      nestedGroups: 'walk',
    });
    expect(await accounts.authenticate('anna', 'anna-secret')).toMatchObject({ name: 'anna' });
    expect(await accounts.authenticate('anna', 'wrong')).toBeUndefined();
    expect(await accounts.authenticate('otto', 'otto-secret')).toBeUndefined();
    expect(await accounts.authenticate('lone', 'lone-secret')).toBeUndefined();
  });

  test('are left to Active Directory by its matching rule', async () => {
    const filters: string[] = [];
    const port = await recordingServer(filters);
    const asked = directory({
      urls: [`ldap://127.0.0.1:${port}`],
      gidAttribute: 'memberOf',
      validGid: 'cn=users',
      nestedGroups: 'in_chain',
      timeoutMs: 500,
    });
    await asked.authenticate('alice', 'x').catch(() => undefined);
    expect(filters.join()).toContain('1.2.840.113556.1.4.1941');
    expect(filters.join()).toContain('memberOf');
  });
});

/** The response to a StartTLS request in the first message of a connection (RFC 4511, 4.14). */
const STARTTLS_ACCEPTED = Buffer.from('300c02010178070a010004000400', 'hex');

/** Starts a server that accepts connections and sends nothing, or only that response. Returns its port. */
async function silentServer(answer?: Buffer): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => answer && socket.write(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Starts a server that ends each search with that result code (RFC 4511, 4.5.2). Returns its port. */
function searchResultServer(result: number): Promise<number> {
  const server = createServer((socket) =>
    socket.on('data', (data) => {
      const [id = 1] = data.subarray(4, 5); // the library encodes small message ids in one byte
      socket.write(Buffer.from([0x30, 0x0c, 0x02, 0x01, id, 0x65, 0x07, 0x0a, 0x01, result, 0x04, 0x00, 0x04, 0x00]));
    }),
  );
  return listening(server);
}

/** Starts a server that answers nothing, and records what it receives as text. Returns its port. */
function recordingServer(received: string[]): Promise<number> {
  return listening(createServer((socket) => socket.on('data', (data) => received.push(data.toString('latin1')))));
}

async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Makes a certificate for 127.0.0.1, that of the authority which issued it, and one for the authority above that one. */
function makeChain(): Promise<{ readonly leaf: string; readonly leafKey: string; readonly intermediate: string }> {
  return inNewDirectory('chain', async (at) => {
    const file = (name: string) => join(at, name);
    const key = (name: string) => [
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      file(`${name}.key`),
      '-subj',
      `/CN=${name}`,
    ];
    const issue = (name: string, by: string, extension: string) =>
      run('openssl', [
        'req',
        '-x509',
        ...key(name),
        '-days',
        '30',
        '-out',
        file(`${name}.pem`),
        '-CA',
        file(`${by}.pem`),
        '-CAkey',
        file(`${by}.key`),
        '-addext',
        extension,
      ]);
    await run('openssl', ['req', '-x509', ...key('root'), '-days', '30', '-out', file('root.pem')]);
    await issue('intermediate', 'root', 'basicConstraints=critical,CA:TRUE');
    await issue('leaf', 'intermediate', 'subjectAltName=IP:127.0.0.1');
    const read = (name: string) => readFile(file(name), 'utf8');
    const chain = {
      leaf: await read('leaf.pem'),
      leafKey: await read('leaf.key'),
      intermediate: await read('intermediate.pem'),
    };
    await removeDirectory(at);
    return chain;
  });
}

import { createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { type LabDirectory, startDirectory, VALID_GID } from '../../lab/directory.ts';
import { type LabService, startService } from '../../lab/service.ts';
import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { basic, waitForLog } from '../support/whole-lab.ts';

/* Tokens and names of an attacker, against the running service and a real directory. No registry is needed. */

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PUBLIC_PEM = publicKey.export({ type: 'spki', format: 'pem' });
const KEY = 'the secret key of this run: at least 32 bytes';
const OLD_KEY = 'an old key, with commas, and spaces; 32 bytes';
const OLDER_KEY = 'an even older key that is listed, too, 32 bytes';
const ISSUER = 'https://usage.example';
const AUDIENCE = 'usage';

let folder: string;
let directory: LabDirectory;
let service: LabService;
let notBefore: string;

beforeAll(async () => {
  folder = makeDirectory('tokens');
  notBefore = join(folder, 'not-before');
  await writeFile(notBefore, '# nobody yet\n');
  directory = await startDirectory();
  service = await start({ previous_secret_keys: `\n  ${OLDER_KEY}\n  ${OLD_KEY}` });
});

afterAll(async () => {
  await service.stop();
  await directory.remove();
  await removeDirectory(folder);
});

async function start(jwt: Readonly<Record<string, string>>): Promise<LabService> {
  return startService({
    auth: { not_before_file: notBefore },
    ldap: {
      host: directory.ldapsUrl,
      base_dn: directory.baseDn,
      valid_gid: VALID_GID,
      ca_file: directory.caFile,
    },
    jwt: { secret_key: KEY, issuer: ISSUER, audience: AUDIENCE, ...jwt },
    registry: { registry_base_url: `http://127.0.0.1:${await freePort()}/`, discovery: 'catalog' },
  });
}

const now = Math.floor(Date.now() / 1000);
const GOOD = {
  sub: 'alice',
  iat: now,
  nbf: now,
  exp: now + 3600,
  jti: randomUUID(),
  type: 'access',
  fresh: false,
  iss: ISSUER,
  aud: AUDIENCE,
};

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const unsigned = (claims: object, header: object) => `${part(header)}.${part(claims)}`;

/** Makes a token as another program would. */
function craft(claims: object = {}, header: object = {}, key: string | Buffer = KEY, hash = 'sha256'): string {
  const signed = unsigned({ ...GOOD, ...claims }, { alg: 'HS256', typ: 'JWT', ...header });
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

async function read(authorization: string, { url } = service): Promise<Response> {
  return fetch(`${url}/repositories`, { headers: { authorization } });
}

async function statusOf(token: string, of = service): Promise<number> {
  return (await read(`Bearer ${token}`, of)).status;
}

async function expectRefused(token: string, what: string): Promise<void> {
  const response = await read(`Bearer ${token}`);
  expect(response.status, what).toBe(401);
  expect(response.headers.get('www-authenticate'), what).toBe(
    'Bearer realm="gitlab-registry-usage-rest", error="invalid_token"',
  );
  const { detail } = (await response.json()) as { detail: string };
  expect(detail, what).toMatch(/^The token is not valid/);
}

describe('accepts a token', () => {
  test('of the service itself, and of another program with its key', async () => {
    const response = await fetch(`${service.url}/auth_token`, { headers: basic('alice', 'alice-secret') });
    const { auth_token } = (await response.json()) as { auth_token: string };
    expect(await statusOf(auth_token)).toBe(200);
    expect(await statusOf(craft())).toBe(200);
  });

  test('of a previous key as long as the key is listed', async () => {
    for (const key of [OLD_KEY, OLDER_KEY]) expect(await statusOf(craft({}, {}, key))).toBe(200);
    const without = await start({ previous_secret_keys: OLDER_KEY });
    try {
      expect(await statusOf(craft({}, {}, KEY), without)).toBe(200);
      expect(await statusOf(craft({}, {}, OLDER_KEY), without)).toBe(200);
      expect(await statusOf(craft({}, {}, OLD_KEY), without)).toBe(401);
    } finally {
      await without.stop();
    }
  });
});

describe('refuses a token', () => {
  test('with any other algorithm, signed with any key', async () => {
    const rsa = unsigned(GOOD, { alg: 'RS256', typ: 'JWT' });
    const bySignature = (algorithm: string, signature: string) =>
      `${unsigned(GOOD, { alg: algorithm, typ: 'JWT' })}.${signature}`;
    const tokens = {
      RS256: `${rsa}.${sign('sha256', Buffer.from(rsa), privateKey).toString('base64url')}`,
      'HS256 with the public key for a secret': craft({}, {}, PUBLIC_PEM),
      'RS256 with the signature of HS256': craft({}, { alg: 'RS256' }),
      HS384: craft({}, { alg: 'HS384' }, KEY, 'sha384'),
      HS512: craft({}, { alg: 'HS512' }, KEY, 'sha512'),
      'HS384 with the signature of HS256': craft({}, { alg: 'HS384' }),
      hs256: craft({}, { alg: 'hs256' }),
      'an array of algorithms': craft({}, { alg: ['HS256'] }),
      'no algorithm': craft({}, { alg: undefined }),
      none: bySignature('none', ''),
      None: bySignature('None', ''),
      NONE: bySignature('NONE', ''),
      'none with a signature': craft({}, { alg: 'none' }),
      'none, and no second dot': unsigned(GOOD, { alg: 'none', typ: 'JWT' }),
      'HS256 with an empty signature': bySignature('HS256', ''),
      'HS256 with a signature of nothing': bySignature('HS256', 'AA'),
      'the empty key': craft({}, {}, ''),
      'another key': craft({}, {}, 'another key of more than the 32 bytes'),
      'a key in its header': craft({}, { jwk: { kty: 'oct', k: part('x') } }, part('x')),
      'a key elsewhere': craft({}, { jku: 'http://127.0.0.1:1/keys' }, 'x'),
      'a key file in its header': craft({}, { kid: '../../../../dev/null' }, ''),
      'an extension that must be understood': craft({}, { crit: ['exp'], exp: 1 }),
      'an unencoded payload': craft({}, { b64: false, crit: ['b64'] }),
    };
    for (const [what, token] of Object.entries(tokens)) await expectRefused(token, what);
  });

  test('with the wrong time, type, issuer or audience, or without a user', async () => {
    const claims = {
      expired: { exp: now - 1 },
      'not yet valid': { nbf: now + 3600 },
      'no end': { exp: undefined },
      'an end that is text': { exp: String(now + 3600) },
      'an end of true': { exp: true },
      'a beginning that is text': { nbf: 'now' },
      'a refresh token': { type: 'refresh' },
      'no type': { type: undefined },
      'a type of another case': { type: 'Access' },
      'types in an array': { type: ['access'] },
      'another issuer': { iss: 'https://other.example' },
      'no issuer': { iss: undefined },
      'another audience': { aud: 'other' },
      'other audiences': { aud: ['other', `${AUDIENCE}x`] },
      'no audience': { aud: undefined },
      'no user': { sub: undefined },
      'an empty user': { sub: '' },
      'a user that is a number': { sub: 1 },
      'a user that is an object': { sub: { toString: 'alice' } },
    };
    for (const [what, changes] of Object.entries(claims)) await expectRefused(craft(changes), what);
  });

  test('that is malformed', async () => {
    const [header = '', payload = '', signature = ''] = craft().split('.');
    const resigned = (text: string) => {
      const signed = `${header}.${Buffer.from(text).toString('base64url')}`;
      return `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
    };
    const tokens = [
      'x',
      '.',
      '..',
      '...',
      header,
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
      `${header}..${signature}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}.${signature}.${signature}.${signature}`,
      `${header}.${payload}.${signature.slice(1)}`,
      `${header}.${payload}.${signature}A`,
      `${header}.${payload}.!${signature}`,
      `${header}!.${payload}.${signature}`,
      `${payload}.${header}.${signature}`,
      `${header}.${part({ ...GOOD, sub: 'root' })}.${signature}`,
      `"${header}.${payload}.${signature}"`,
      `{"protected":"${header}","payload":"${payload}","signature":"${signature}"}`,
      resigned(''),
      resigned('null'),
      resigned('[]'),
      resigned('"alice"'),
      resigned('{'),
      resigned('\xff\xfe'),
      resigned('{"__proto__":{"type":"access","sub":"alice","exp":9999999999}}'),
      resigned('['.repeat(5000)),
    ];
    for (const token of tokens) await expectRefused(token, token);
  });

  test('with one changed character in its header, claims or signature', async () => {
    const token = craft();
    for (let at = 0; at < token.length - 1; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A';
      await expectRefused(token.slice(0, at) + other + token.slice(at + 1), `character ${at}`);
    }
  });

  test('of any length, with 431 for headers that are too long, and keeps running', async () => {
    for (const size of [1000, 10_000, 15_000]) {
      await expectRefused(
        craft({ padding: 'x'.repeat(size / 2) }, {}, 'no key of ours, of 32 bytes and more'),
        `${size}`,
      );
      await expectRefused('x'.repeat(size), `${size}`);
    }
    expect(await statusOf(craft({ padding: 'x'.repeat(8000) }))).toBe(200);
    const huge = await talk(
      `GET /repositories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(huge).toMatch(/^HTTP\/1\.1 431 /);
    expect(await statusOf(craft())).toBe(200);
  });

  test('in a header that is not exactly a bearer token', async () => {
    const token = craft();
    for (const authorization of [
      token,
      `Token ${token}`,
      `Basic ${token}`,
      `Bearer`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token} x`,
      `Bearer:${token}`,
      `Bearer\t${token}`,
      `JWT ${token}`,
    ])
      expect((await read(authorization)).status, authorization.replace(token, '…')).toBe(401);
    const twice = await talk(
      `GET /repositories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(twice).toMatch(/^HTTP\/1\.1 40[01] /);
  });
});

/** Sends bytes that no HTTP client would send, and returns the response. */
async function talk(text: string): Promise<string> {
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  socket.setEncoding('utf8').on('error', () => undefined);
  socket.write(text);
  const chunks: string[] = [];
  for await (const chunk of socket) {
    chunks.push(chunk as string);
    if (chunks.join('').includes('\r\n\r\n')) break;
  }
  return chunks.join('');
}

test('ignores a token that is not in the header, and logs no token', async () => {
  const token = craft({ sub: 'query' });
  const names = ['token', 'access_token', 'auth_token', 'jwt', 'authorization', 'Authorization'];
  for (const name of names) {
    const answer = await fetch(`${service.url}/repositories?${name}=${token}&embed=1`);
    expect([name, answer.status, answer.headers.get('www-authenticate')]).toEqual([
      name,
      401,
      'Bearer realm="gitlab-registry-usage-rest"',
    ]);
    const cookie = await fetch(`${service.url}/repositories`, { headers: { cookie: `${name}=${token}` } });
    expect(cookie.status).toBe(401);
  }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const posted = await fetch(`${service.url}/collection`, { method: 'POST', headers, body: `access_token=${token}` });
  expect(posted.status).toBe(401);
  await statusOf(token);
  await waitForLog(service, '"user":"query"');
  expect(service.child.output()).not.toContain(token.slice(token.lastIndexOf('.')));
});

test('refuses the tokens of a user as soon as they are revoked, without a restart, until the next sign-in', async () => {
  const at = (seconds: number) => craft({ sub: 'Alice', iat: seconds });
  const [old, bob] = [at(now - 60), craft({ sub: 'bob', iat: now - 60 })];
  for (const token of [old, bob]) expect(await statusOf(token)).toBe(200);
  const again = '"setting":"[auth] not_before_file","msg":"file reloaded"';
  await writeFile(notBefore, `alice ${now - 30}\n`);
  await waitForLog(service, again);
  expect([await statusOf(old), await statusOf(bob), await statusOf(at(now - 29))]).toEqual([401, 200, 200]);
  await writeFile(notBefore, `alice ${now - 30}\n* ${new Date((now - 10) * 1000).toISOString()}\n`);
  await waitForLog(service, again, 2);
  expect([await statusOf(bob), await statusOf(at(now - 29)), await statusOf(craft())]).toEqual([401, 401, 200]);
  await writeFile(notBefore, 'alice yesterday\n');
  await waitForLog(service, `${notBefore}:1: must be a user (or * for all users) and a time`);
  expect([await statusOf(old), await statusOf(bob)]).toEqual([401, 401]);
});

describe('sign-in', () => {
  const signIn = (user: string, password: string, method = 'POST') =>
    fetch(`${service.url}/auth_token`, { method, headers: basic(user, password) });

  test('takes the syntax of filters and distinguished names in a name literally', async () => {
    const names = [
      '*',
      'ali*',
      '*)(uid=*',
      'alice)(&',
      'alice)(|(uid=*',
      '*)(|(objectClass=*)',
      'x)(|(uid=alice',
      'al\\69ce',
      'alice\\00',
      `uid=alice,ou=people,${directory.baseDn}`,
      `employeeNumber=0,ou=people,${directory.baseDn}`,
      'alice,ou=people',
      'alice+cn=alice',
      directory.reader.dn,
    ];
    for (const name of names) {
      for (const method of ['GET', 'POST']) {
        const { status } = await signIn(name, 'alice-secret', method);
        expect(status, name).toBe(401);
      }
    }
    expect((await signIn("o'brien(x)*", 'odd-secret')).status).toBe(200);
    expect((await signIn('alice', '*')).status).toBe(401);
  });

  test('refuses an empty password, and control characters in the name or password', async () => {
    for (const [user, password] of [
      ['alice', ''],
      ['', 'alice-secret'],
      ['alice\0', 'alice-secret'],
      ['alice', 'alice-secret\0'],
      ['alice\r\nX: y', 'alice-secret'],
    ] as const)
      expect((await signIn(user, password)).status, JSON.stringify(user)).toBe(401);
  });

  test('treats any name as an unknown user or as another spelling of the user', async () => {
    const lookalikes = ['аlice', 'alicе', 'a‌liсe', 'ⅼice', 'alıce', 'alice\u202e', 'alice\ufffd', '\ud83d\ude00'];
    const long = [
      'x'.repeat(10_000),
      `alice${' '.repeat(10_000)}x`,
      '*'.repeat(10_000),
      '('.repeat(10_000),
      'é'.repeat(5000),
    ];
    const bytes = [
      Buffer.from([0xff, 0xfe, 0x3a, 0x78]),
      Buffer.from('alice\0:alice-secret'),
      Buffer.from('al\0ice:alice-secret'),
    ];
    for (const name of [...lookalikes, ...long]) expect((await signIn(name, 'alice-secret')).status, name).toBe(401);
    for (const text of bytes) {
      const headers = { authorization: `Basic ${text.toString('base64')}` };
      expect((await fetch(`${service.url}/auth_token`, { headers })).status).toBe(401);
    }
    // The directory takes these for alice; the log and the limits do too.
    for (const name of ['ALICE', 'ａｌｉｃｅ', ' alice ', 'al\u0130ce'])
      expect([200, 401], name).toContain((await signIn(name, 'alice-secret')).status);
    expect((await signIn('alice', 'x'.repeat(10_000))).status).toBe(401);
    expect((await signIn('alice', 'alice-secret')).status).toBe(200);
  });

  test('logs the name, in one line, and never the password', async () => {
    await signIn('mallory","level","', 'a-password-nobody-has');
    await waitForLog(service, 'mallory'); // earlier lines are about other users
    const lines = service.child
      .output()
      .split('\n')
      .filter((line) => line.includes('mallory'));
    expect(lines.map((line) => JSON.parse(line).user)).toEqual(['mallory","level","']);
    for (const secret of ['alice-secret', 'odd-secret', 'a-password-nobody-has', KEY, OLD_KEY, OLDER_KEY])
      expect(service.child.output()).not.toContain(secret);
  });
});

import { rootCertificates } from 'node:tls';
import { expect, test } from 'vitest';
import { defaultConfigText } from '../../src/config/default-config.ts';
import { SECTIONS } from '../../src/config/schema.ts';
import { changed, config, GOOD, problems, SECRETS, written } from '../support/config-sample.ts';

test('reads a file of the Python service, with defaults for new keys', () => {
  expect(config(GOOD)).toEqual({
    general: {
      host: '127.0.0.1',
      port: 8080,
      prefix: '',
      corsOrigins: '*',
      updateIntervalMs: 3_600_000,
      logLevel: 'info',
    },
    http: {
      tls: undefined,
      trustedProxies: [],
      allowedHosts: undefined,
      limits: {
        requestsPerAddress: 12_000,
        requestsPerUser: 6000,
        failedSignIns: 50,
        connections: 2000,
        connectionsPerAddress: 200,
      },
    },
    auth: { methods: ['ldap'], htpasswdFile: undefined, notBeforeFile: undefined },
    ldap: {
      urls: ['ldaps://ldap.example.com'],
      baseDn: 'dc=example,dc=com',
      usernameAttribute: 'uid',
      gidAttribute: 'gidNumber',
      validGid: '10000',
      nestedGroups: 'no',
      ca: undefined,
      verifyCertificate: true,
      startTls: false,
      bindDn: undefined,
      bindPassword: undefined,
      timeoutMs: 10_000,
    },
    jwt: {
      expiresInSeconds: 1_209_600,
      secretKey: SECRETS.key,
      previousSecretKeys: [],
      issuer: undefined,
      audience: undefined,
    },
    registry: {
      gitlabUrl: 'https://gitlab.example.com/',
      registryUrl: 'https://registry.example.com:5005/',
      username: 'root',
      accessToken: SECRETS.token,
      collectCreated: true,
      emptyGuard: 0.1,
      garbageCollector: 'auto',
      thoroughIntervalMs: 86_400_000,
      pullThroughCache: 'auto',
      verifyBlobsPerCrawl: 10_000,
      discovery: 'auto',
      groups: [],
      repositories: [],
      include: [],
      exclude: [],
      requestTimeoutMs: 30_000,
      concurrencyMin: 2,
      concurrencyMax: 32,
      requestsPerSecond: 0,
      ca: undefined,
      clientCertificate: undefined,
      proxy: undefined,
      tokenOrigins: ['https://gitlab.example.com', 'https://registry.example.com:5005'],
    },
    events: { secret: undefined },
    metrics: { isEnabled: true, token: undefined, namespacesLimit: 100, repositoriesLimit: 100 },
    store: {
      isDefault: true,
      file: '/var/lib/gitlab-registry-usage-rest/usage.db',
      retention: { allMs: 604_800_000, dailyMs: 31_536_000_000 },
    },
  });
});

test('freezes the config deeply', () => {
  const { ldap, registry } = config(GOOD);
  for (const part of [ldap, ldap?.urls, registry.tokenOrigins]) expect(Object.isFrozen(part)).toBe(true);
});

test('reads every key', () => {
  const ca = written(`some text\n${rootCertificates[0]}\nmore`, 'ca.pem');
  const all = config(
    `[general]
    socket_host: [::1]
    socket_port: 0
    server_prefix: registry-usage//v1/
    debug: True
    cors_origins: https://a.example, https://b.example:8443
    update_interval: 90 S
    log_level: TRACE
    [auth]
    methods: HTPASSWD ldap
    htpasswd_file: htpasswd
    not_before_file: /etc/not before
    [ldap]
    host: ldap://a.example b.example:1636
       [fd00::1]
    base_dn: ou=people, dc=example
    valid_gid: staff
    username_attribute: sAMAccountName
    gid_attribute: 2.5.4.49
    ca_file: ${ca}
    verify_certificate: no
    start_tls: yes
    bind_dn: cn=reader,dc=example
    bind_password: ${SECRETS.password}
    timeout: 1 m
    [jwt]
    auth_token_expires: 1h
    secret_key: ${SECRETS.key}
    previous_secret_keys: ${SECRETS.oldKey}
        an older key, with a comma and over 32 bytes
    issuer: https://usage.example/
    audience: usage
    [registry]
    gitlab_base_url: HTTP://GitLab.example/under
    registry_base_url: https://registry.example
    username: admin
    access_token: ${SECRETS.token}
    request_timeout: 1 hour
    concurrency_min: 32
    concurrency_max: 256
    requests_per_second: 100
    ca_file: ${ca}
    token_origins: https://tokens.example
    discovery: List
    repositories: group/app, other/**
    include: **/app
    exclude: other/old-?/* **/cache
    [events]
    secret: ${SECRETS.events}
    [metrics]
    enabled: no
    token: ${SECRETS.metrics}
    namespaces_limit: 0
    repositories_limit: 10000
    [store]
    url: sqlite:data/usage.db
    retention_all: 1 hour
    retention_daily: 2 w`,
  );
  expect(all.general).toEqual({
    host: '::1',
    port: 0,
    prefix: '/registry-usage/v1',
    corsOrigins: ['https://a.example', 'https://b.example:8443'],
    updateIntervalMs: 90_000,
    logLevel: 'trace',
  });
  expect(all.ldap).toMatchObject({
    urls: ['ldap://a.example', 'ldap://b.example:1636', 'ldap://[fd00::1]'],
    ca: `${rootCertificates[0]}\n`,
    verifyCertificate: false,
    startTls: true,
    bindDn: 'cn=reader,dc=example',
    bindPassword: SECRETS.password,
    timeoutMs: 60_000,
  });
  expect(all.auth).toEqual({
    methods: ['htpasswd', 'ldap'],
    htpasswdFile: 'htpasswd',
    notBeforeFile: '/etc/not before',
  });
  expect(all.jwt).toEqual({
    expiresInSeconds: 3600,
    secretKey: SECRETS.key,
    previousSecretKeys: [SECRETS.oldKey, 'an older key, with a comma and over 32 bytes'],
    issuer: 'https://usage.example/',
    audience: 'usage',
  });
  expect(all.registry).toMatchObject({
    gitlabUrl: 'http://gitlab.example/under/',
    concurrencyMin: 32,
    concurrencyMax: 256,
    requestsPerSecond: 100,
    tokenOrigins: ['http://gitlab.example', 'https://registry.example', 'https://tokens.example'],
    discovery: 'list',
    repositories: ['group/app', 'other/**'],
    include: ['**/app'],
    exclude: ['other/old-?/*', '**/cache'],
  });
  expect(all.events).toEqual({ secret: SECRETS.events });
  expect(all.metrics).toEqual({
    isEnabled: false,
    token: SECRETS.metrics,
    namespacesLimit: 0,
    repositoriesLimit: 10_000,
  });
  expect(all.store).toEqual({
    file: 'data/usage.db',
    isDefault: false,
    retention: { allMs: 3_600_000, dailyMs: 1_209_600_000 },
  });
});

test.for([
  ['sqlite:///srv/my data/usage.db', '/srv/my data/usage.db'],
  ['sqlite:/srv/usage.db', '/srv/usage.db'],
  ['SQLite:usage.db', 'usage.db'],
  ['sqlite:../a/100%.db', '../a/100%.db'],
  ['sqlite::memory:', ':memory:'],
])('reads the store URL %j as the file %j', ([url = '', file]) => {
  expect(config(`${GOOD}[store]\nurl = ${url}`).store.file).toBe(file);
});

test.for([
  ['/', ''],
  ['', ''],
  ['usage', '/usage'],
  ['/usage/', '/usage'],
  ['//a//b//', '/a/b'],
])('normalizes the prefix %j to %j', ([written = '', prefix]) => {
  expect(config(changed('socket_port = 8080', `server_prefix = ${written}`)).general.prefix).toBe(prefix);
});

test('accepts a registry without GitLab, and a public one without credentials', () => {
  const alone = GOOD.replace(/(gitlab_base_url|access_token).*\n/g, '');
  expect(config(`${alone}username =\n`).registry).toMatchObject({
    gitlabUrl: undefined,
    username: undefined,
    accessToken: undefined,
    tokenOrigins: ['https://registry.example.com:5005'],
  });
});

test('removes slashes around the paths of groups', () => {
  const { registry } = config(`${GOOD}discovery = gitlab\ngroups = /Group/, other/my.project 42\n`);
  expect(registry).toMatchObject({ discovery: 'gitlab', groups: ['Group', 'other/my.project', '42'] });
});

test('sets the log level to at least debug if debug is set', () => {
  const level = (...lines: string[]) => config(changed('socket_port = 8080', ...lines)).general.logLevel;
  expect(level('debug = yes')).toBe('debug');
  expect(level('debug = yes', 'log_level = trace')).toBe('trace');
  expect(level('debug = no', 'log_level = warn')).toBe('warn');
});

test.for([
  ['*', '::'],
  ['::', '::'],
  ['0.0.0.0', '0.0.0.0'],
  ['[::1]', '::1'],
  ['fe80::1%eth0', 'fe80::1%eth0'],
  ['localhost', 'localhost'],
])('reads socket_host %j as %j', ([written = '', host]) => {
  expect(config(changed('socket_port = 8080', `socket_host = ${written}`)).general.host).toBe(host);
});

test('applies keys in [DEFAULT] to all sections, and ignores unknown ones there', () => {
  const text = `[DEFAULT]\ndomain = example.com\n${GOOD.replace('ldap.example.com', 'ldap.%(domain)s')}`;
  expect(config(text).ldap?.urls).toEqual(['ldaps://ldap.example.com']);
});

test('reports only the placeholders of the default file', () => {
  const keys = problems(defaultConfigText()).map((line) => /\] (\w+): .*is still the placeholder/.exec(line)?.[1]);
  expect(keys).toEqual(['host', 'valid_gid', 'gitlab_base_url', 'registry_base_url', 'access_token']);
});

test('the default file names every key, contains a new secret each time, and is valid once it is filled in', () => {
  const text = defaultConfigText();
  for (const { keys } of SECTIONS.values())
    for (const [name, { isNew }] of Object.entries(keys)) expect(text).toContain(`\n${isNew ? '# ' : ''}${name} =`);
  expect(text).not.toBe(defaultConfigText());
  const filled = text
    .replace('myldap.com', 'ldap.example.com')
    .replace('= 00000\n', '= 10000\n')
    .replaceAll('mygitlab.com', 'gitlab.example.com')
    .replace('= 00000000000000000000\n', '= token\n');
  expect(config(filled).registry.registryUrl).toBe('https://registry.gitlab.example.com/');
});

test('takes a secret key literally, also with several lines', () => {
  const key = 'a key, with commas; spaces\nand a second line';
  const { jwt } = config(changed(`secret_key = ${SECRETS.key}`, `secret_key = ${key.replace('\n', '\n  ')}`));
  expect([jwt.secretKey, jwt.previousSecretKeys]).toEqual([key, []]);
});

test('requires no [ldap] section if ldap is not among the methods', () => {
  const text = GOOD.replace(/\[ldap\][^[]*/, '[auth]\nmethods = htpasswd\nhtpasswd_file = accounts\n');
  const { auth, ldap } = config(text);
  expect([auth.methods, auth.htpasswdFile, ldap]).toEqual([['htpasswd'], 'accounts', undefined]);
});

test.each(['cn=reader,dc=example,dc=com', 'reader@example.com', 'EXAMPLE\\reader'])(
  'accepts %s as the account that searches for users',
  (account) => {
    const text = changed(
      'host = ldap.example.com',
      'host = ldap.example.com',
      `bind_dn = ${account}`,
      'bind_password = x',
    );
    expect(config(text).ldap?.bindDn).toBe(account);
  },
);

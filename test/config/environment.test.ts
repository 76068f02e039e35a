import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { config, GOOD, PREFIX, problems, SECRETS, written } from '../support/config-sample.ts';

const GROUP = 'the group whose members may sign in, such as 10000 (without it, every user of the directory could)';

const IN_FULL = {
  [`${PREFIX}LDAP_HOST`]: 'ldap.example.com',
  [`${PREFIX}LDAP_BASE_DN`]: 'dc=example,dc=com',
  [`${PREFIX}LDAP_VALID_GID`]: '10000',
  [`${PREFIX}JWT_SECRET_KEY`]: SECRETS.key,
  [`${PREFIX}REGISTRY_GITLAB_BASE_URL`]: 'https://gitlab.example.com',
  [`${PREFIX}REGISTRY_REGISTRY_BASE_URL`]: 'https://registry.example.com',
  [`${PREFIX}REGISTRY_ACCESS_TOKEN`]: '%%literal%(x)s',
};

test('names the variable of an empty secret file if the secret is required', () => {
  const variable = `${PREFIX}REGISTRY_ACCESS_TOKEN_FILE`;
  expect(problems(GOOD, { [variable]: written('\n', 'empty') })).toEqual([
    expect.stringMatching(
      `gitlab_base_url: is set without access_token; .*; ${variable} sets access_token to an empty value$`,
    ),
  ]);
});

test('needs no default file if the environment contains all required keys, and takes their values literally', () => {
  const loaded = loadConfig({ file: '/nonexistent.conf', isDefaultFile: true, env: IN_FULL });
  expect('config' in loaded && loaded.config.registry.accessToken).toBe('%%literal%(x)s');
  const named = loadConfig({ file: '/nonexistent.conf', isDefaultFile: false, env: IN_FULL });
  expect('problems' in named && named.problems).toHaveLength(1);
});

test('reports the missing file and the missing variables if some required keys are not set', () => {
  const { [`${PREFIX}LDAP_VALID_GID`]: _, ...env } = IN_FULL;
  expect(loadConfig({ file: '/nonexistent.conf', isDefaultFile: true, env })).toEqual({
    problems: [
      '/nonexistent.conf: the file does not exist; create it from the output of --print-default-config, or name another file with -c FILE',
      `${PREFIX}LDAP_VALID_GID: [ldap] valid_gid: is not set; expected ${GROUP}`,
    ],
  });
});

test('prefers the environment to the file, even if the value in the file is invalid', () => {
  const env = { [`${PREFIX}GENERAL_SOCKET_PORT`]: '9090' };
  expect(config(GOOD, env).general.port).toBe(9090);
  expect(config(GOOD.replace('8080', 'x'), env).general.port).toBe(9090);
});

test('reads a secret from a file of its own, without the last line break', () => {
  const env = { [`${PREFIX}REGISTRY_ACCESS_TOKEN_FILE`]: written('of-a-file\r\n', 'token') };
  expect(config(GOOD, env).registry.accessToken).toBe('of-a-file');
});

test('reads previous keys from a file, one per line, literally', () => {
  const keys = [
    '# a key, with commas, of over 32 bytes',
    ' a key that begins and ends with spaces ',
    '%(x)s; and another one of 32 bytes',
  ];
  const env = { [`${PREFIX}JWT_PREVIOUS_SECRET_KEYS_FILE`]: written(`${keys.join('\r\n')}\n\n`, 'keys') };
  expect(config(GOOD, env).jwt.previousSecretKeys).toEqual(keys);
});

test.for([
  [
    { JWT_SECRET_KEY_FILE: '/nonexistent' },
    'JWT_SECRET_KEY_FILE: cannot read the file that it names: the file does not exist; expected the path of a file with the secret',
  ],
  [
    { JWT_SECRET_KEY_FILE: '/x', JWT_SECRET_KEY: SECRETS.key },
    'JWT_SECRET_KEY_FILE: the variable without _FILE is set as well; keep one of them',
  ],
  [{ LDAP_HOSTS: 'x' }, `LDAP_HOSTS: unknown variable; did you mean ${PREFIX}LDAP_HOST?`],
  [{ LDAP_COLOUR: 'x' }, 'LDAP_COLOUR: unknown variable; unset it'],
  [{ REGISTYR_COLOUR: 'x' }, 'REGISTYR_COLOUR: unknown variable; unset it'],
  [{ GENRAL_SOCKET_PORT: '1' }, `GENRAL_SOCKET_PORT: unknown variable; did you mean ${PREFIX}GENERAL_SOCKET_PORT?`],
  [{ SOCKET_PORT: '1' }, `SOCKET_PORT: unknown variable; did you mean ${PREFIX}GENERAL_SOCKET_PORT?`],
  [{ LDAP_HOST_FILE: 'x' }, 'LDAP_HOST_FILE: unknown variable; unset it'],
  [{ LDAP_VALID_GID: '' }, `LDAP_VALID_GID: [ldap] valid_gid: the value is empty; expected ${GROUP}`],
] as const)('reports the environment %j in one line', ([variables, problem]) => {
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [PREFIX + name, value]));
  expect(problems(GOOD, env)).toEqual([PREFIX + problem]);
});

test('reads the usual proxy variables, prefers lower case, and accepts a host without a scheme', () => {
  const proxy = (env: Record<string, string>) => config(GOOD, env).registry.proxy;
  expect(proxy({})).toBe(undefined);
  expect(proxy({ NO_PROXY: 'x', ALL_PROXY: 'http://x' })).toBe(undefined);
  expect(proxy({ HTTPS_PROXY: 'http://me:s%20crt@proxy:3128', HTTP_PROXY: 'proxy:3128', NO_PROXY: 'a, b' })).toEqual({
    httpProxy: 'http://proxy:3128/',
    httpsProxy: 'http://me:s%20crt@proxy:3128/',
    noProxy: 'a, b',
  });
  const env = { https_proxy: '', HTTPS_PROXY: 'http://a', http_proxy: 'https://b', HTTP_PROXY: 'http://c' };
  expect(proxy(env)).toEqual({ httpProxy: 'https://b/', httpsProxy: undefined, noProxy: '' });
});

test('reports an invalid proxy URL in one line with the variable and without the value', () => {
  const right = 'the http or https URL of a proxy, such as http://proxy.example.com:3128';
  const reported = (text: string) => problems(GOOD, { https_proxy: text });
  for (const [text, wrong] of [
    ['http://me:hunter2@', 'is not a URL'],
    ['http://me:hunter2@a b', 'is not a URL'],
    ['socks5://me:hunter2@proxy', 'has another scheme'],
    ['http://me:hunter2@proxy:0', 'has port 0'],
    ['http://proxy/?password=hunter2', 'contains more than a host and a port'],
    ['http://me:hunter2%zz@proxy', 'contains a % that is not followed by two hexadecimal digits'],
  ] as const)
    expect(reported(text), text).toEqual([`https_proxy: the value ${wrong}; expected ${right}`]);
  expect(problems(GOOD, { HTTP_PROXY: 'http://:' })[0]).toMatch(/^HTTP_PROXY: /);
});

test('ignores the variables of a Kubernetes Service with our name, and those for other programs', () => {
  const variables = {
    SERVICE_HOST: '10.0.0.1',
    SERVICE_PORT: '5000',
    SERVICE_PORT_HTTP: '5000',
    PORT: 'tcp://10.0.0.1:5000',
    PORT_5000_TCP: 'tcp://10.0.0.1:5000',
    PORT_5000_TCP_PROTO: 'tcp',
    PORT_5000_TCP_PORT: '5000',
    PORT_5000_TCP_ADDR: '10.0.0.1',
    METRICS_SERVICE_HOST: '10.0.0.2',
    METRICS_PORT: 'tcp://10.0.0.2:9090',
    REGISTRY_SERVICE_HOST: '10.0.0.3',
    REGISTRY_PORT: 'tcp://10.0.0.3:5000',
    LDAP_PORT: 'tcp://[fd00::3]:636',
    GENERAL_PORT: 'udp://10.0.0.4:53',
    REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.3',
    VERSION: '1.0.0',
  };
  const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [PREFIX + name, value]));
  expect(problems(GOOD, env)).toEqual([]);
});

test('reports an unknown port variable that is not from Kubernetes', () => {
  for (const [name, text] of [
    ['REGISTRY_PORT', '5000'],
    ['LDAP_PORT', '636'],
    ['REGISTRY_URL', 'tcp://10.0.0.3:5000'],
    ['REGISTRY_PORT', 'https://10.0.0.3:5000'],
  ] as const)
    expect(problems(GOOD, { [PREFIX + name]: text }), name).toEqual([expect.stringContaining('unknown variable')]);
});

test('returns the origin of every setting that is not left to its default', () => {
  const file = written('[general]\nsocket_port = 8080\n', 'origins.conf');
  const loaded = loadConfig({ file, isDefaultFile: false, env: IN_FULL });
  expect('origins' in loaded && loaded.origins).toEqual({
    'general.socket_port': `${file}:2`,
    'jwt.secret_key': `${PREFIX}JWT_SECRET_KEY`,
    'ldap.base_dn': `${PREFIX}LDAP_BASE_DN`,
    'ldap.host': `${PREFIX}LDAP_HOST`,
    'ldap.valid_gid': `${PREFIX}LDAP_VALID_GID`,
    'registry.access_token': `${PREFIX}REGISTRY_ACCESS_TOKEN`,
    'registry.gitlab_base_url': `${PREFIX}REGISTRY_GITLAB_BASE_URL`,
    'registry.registry_base_url': `${PREFIX}REGISTRY_REGISTRY_BASE_URL`,
  });
});

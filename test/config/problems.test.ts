import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { changed, folder, GOOD, PREFIX, problems, SECRETS } from '../support/config-sample.ts';

const PEOPLE = 'a distinguished name, such as ou=people,dc=example,dc=com';
const HOSTS =
  'host names or addresses, each with or without ldap:// or ldaps:// and a port, such as ldaps://ldap.example.com:636';
const GITLAB = 'an http or https URL without credentials, such as https://gitlab.example.com/';
const GROUP = 'the group whose members may sign in, such as 10000 (without it, every user of the directory could)';
const KEY = 'at least 32 random bytes, such as `openssl rand -hex 32` prints';
const KEYS = 'a key of at least 32 bytes in each line';
const METHODS = 'ldap, htpasswd or both, separated by spaces or commas';
const EVENTS = 'at least 16 random bytes in one line, such as `openssl rand -hex 32` prints';
const STORE = 'sqlite:///path/to/file, sqlite:relative/path or sqlite::memory:';
const PEM = 'the path of a readable PEM file with at least one certificate';

/** For each replaced line of the valid file: the lines that replace it, and the problem that is reported. */
const BROKEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'socket_port = 8080': {
    'socket_port = abc':
      'my.conf:2: [general] socket_port: "abc" is not a whole number; expected a whole number from 0 to 65535',
    'socket_port = 65536':
      'my.conf:2: [general] socket_port: "65536" is out of range; expected a whole number from 0 to 65535',
    'socket_port = 80 # the usual':
      'my.conf:2: [general] socket_port: the value is not a whole number (a comment needs a line of its own); expected a whole number from 0 to 65535',
    'socket_host = not a host':
      'my.conf:2: [general] socket_host: "not a host" is neither an address nor a host name; expected an address, a host name or *',
    'server_prefix = /a/../b':
      'my.conf:2: [general] server_prefix: "/a/../b" is not a plain path; expected a path of letters, digits and . _ ~ -, such as / or /registry-usage',
    'debug = maybe': 'my.conf:2: [general] debug: "maybe" is neither true nor false; expected True or False',
    'cors_origins = https://a.example/path':
      'my.conf:2: [general] cors_origins: "https://a.example/path" contains an entry with a path; expected * alone, or origins such as https://example.com, separated by spaces or commas',
    'cors_origins = https://*.example.com':
      'my.conf:2: [general] cors_origins: "https://*.example.com" contains an entry that contains a *; expected * alone, or origins such as https://example.com, separated by spaces or commas',
    'update_interval = 25 days':
      'my.conf:2: [general] update_interval: "25 days" is too long; expected a duration from 1 second to 24 days, such as 60 minutes',
    'log_level = loud':
      'my.conf:2: [general] log_level: "loud" is not one of the choices; expected one of trace, debug, info, warn, error, silent',
    'sokcet_port = 1': 'my.conf:2: [general] sokcet_port: unknown key; did you mean socket_port?',
    'colour = blue': 'my.conf:2: [general] colour: unknown key; remove it, or put # before it',
    'valid_gid = 1': 'my.conf:2: [general] valid_gid: unknown key; it belongs in [ldap]',
    socket_port: 'my.conf:2: [general]: is not a section, a key or a comment; write key = value',
    'debug = 1\nDebug: 2': 'my.conf:3: [general] debug: is set twice, first in line 2; keep one of them',
    '[genral]': 'my.conf:2: [genral]: unknown section; did you mean [general]?',
    '[tls]':
      'my.conf:2: [tls]: unknown section; the sections are general, limits, auth, ldap, jwt, registry, events, metrics, store',
    '[general]': 'my.conf:2: [general]: appears twice, first in line 1; merge the two',
  },
  '[general]': {
    '': 'my.conf:2: is outside of any section; start with a header such as [general]',
  },
  'host = ldap.example.com': {
    'host = myldap.com': `my.conf:4: [ldap] host: "myldap.com" is still the placeholder; expected ${HOSTS}`,
    'host = https://a': `my.conf:4: [ldap] host: "https://a" contains a scheme other than ldap and ldaps; expected ${HOSTS}`,
    'host = a:99999': `my.conf:4: [ldap] host: "a:99999" contains an entry that is not a host; expected ${HOSTS}`,
    'host = MyLdap.com': `my.conf:4: [ldap] host: "MyLdap.com" is still the placeholder; expected ${HOSTS}`,
    'host = [::::::]': `my.conf:4: [ldap] host: "[::::::]" contains an entry that is not a host; expected ${HOSTS}`,
    'host =': `my.conf:4: [ldap] host: the value is empty; expected ${HOSTS}`,
    'host = ldaps://a\nstart_tls = on':
      'my.conf:5: [ldap] start_tls: is true although a host uses ldaps://, which is already encrypted; use one of the two',
  },
  'base_dn = dc=example,dc=com': {
    'base_dn = example.com': `my.conf:5: [ldap] base_dn: "example.com" is not a distinguished name; expected ${PEOPLE}`,
    '': `my.conf: [ldap] base_dn: is not set; expected ${PEOPLE}`,
  },
  'valid_gid = 10000': {
    'valid_gid = 00000': `my.conf:6: [ldap] valid_gid: "00000" is still the placeholder; expected ${GROUP}`,
    'valid_gid =': `my.conf:6: [ldap] valid_gid: the value is empty; expected ${GROUP}`,
    'valid_gid = %(gid)s':
      'my.conf:6: [ldap] valid_gid: refers with %(…)s to a key that does not exist; write %% for a literal %',
    'valid_gid = 1\ngid_attribute =':
      'my.conf:7: [ldap] gid_attribute: the value is empty; expected the name of an attribute, such as gidNumber (without it, every user of the directory could sign in)',
    'valid_gid = 1\nca_file = /nonexistent.pem': `my.conf:7: [ldap] ca_file: "/nonexistent.pem" cannot be read (the file does not exist); expected ${PEM}`,
    'valid_gid = 1\nca_file = package.json': `my.conf:7: [ldap] ca_file: "package.json" contains no PEM certificate; expected ${PEM}`,
    'valid_gid = 1\nnested_groups = maybe':
      'my.conf:7: [ldap] nested_groups: "maybe" is not one of the choices; expected one of no, in_chain, walk',
    'valid_gid = 1\nbind_dn = cn=reader':
      'my.conf:7: [ldap] bind_dn: is set without bind_password; set both or neither',
    'valid_gid = 1\nbind_password = x': 'my.conf:7: [ldap] bind_password: is set without bind_dn; set both or neither',
  },
  [`secret_key = ${SECRETS.key}`]: {
    'secret_key = short': `my.conf:8: [jwt] secret_key: the value is shorter than 32 bytes; expected ${KEY}`,
    [`secret_key = ${'a'.repeat(40)}`]: `my.conf:8: [jwt] secret_key: the value repeats a few characters, so that it is easy to guess; expected ${KEY}`,
    'secret_key = correct horse 1correct horse 1correct horse 1': `my.conf:8: [jwt] secret_key: the value repeats a few characters, so that it is easy to guess; expected ${KEY}`,
    [`secret_key = ${'0'.repeat(32)}`]: `my.conf:8: [jwt] secret_key: the value is still the placeholder; expected ${KEY}`,
  },
  '[ldap]': {
    '[auth]\nmethods = kerberos\n[ldap]': `my.conf:4: [auth] methods: "kerberos" contains a method other than ldap and htpasswd; expected ${METHODS}`,
    '[auth]\nmethods = ldap, LDAP\n[ldap]': `my.conf:4: [auth] methods: "ldap, LDAP" contains a method twice; expected ${METHODS}`,
    '[auth]\nmethods =\n[ldap]': `my.conf:4: [auth] methods: the value is empty; expected ${METHODS}`,
    '[auth]\nmethods = ldap, htpasswd\n[ldap]':
      'my.conf:4: [auth] methods: contains htpasswd, but htpasswd_file is not set; set it, or remove htpasswd',
    '[auth]\nhtpasswd_file = accounts\n[ldap]':
      'my.conf:4: [auth] htpasswd_file: has no effect unless methods contains htpasswd; add that, or remove this key',
  },
  '[jwt]': {
    '[jwt]\nprevious_secret_keys = short': `my.conf:8: [jwt] previous_secret_keys: the value contains a key that is shorter than 32 bytes; expected ${KEYS}`,
    [`[jwt]\nprevious_secret_keys = ${SECRETS.oldKey}\n  short`]: `my.conf:8: [jwt] previous_secret_keys: the value contains a key that is shorter than 32 bytes; expected ${KEYS}`,
    [`[jwt]\nprevious_secret_keys =\n  ${'0'.repeat(32)}`]: `my.conf:8: [jwt] previous_secret_keys: the value contains the placeholder; expected ${KEYS}`,
    '[jwt]\nissuer = a\n  b':
      'my.conf:8: [jwt] issuer: the value contains a line break or a control character; expected one line of text, such as https://usage.example.com',
    '[jwt]\nauth_token_expires = 1.5 h':
      'my.conf:8: [jwt] auth_token_expires: "1.5 h" is not a duration; expected a duration of at least 1 second, such as 2 weeks',
    '[jwt]\nauth_token_expires = 99999999999 w':
      'my.conf:8: [jwt] auth_token_expires: "99999999999 w" is longer than a hundred years; expected a duration of at least 1 second, such as 2 weeks',
  },
  'gitlab_base_url = https://gitlab.example.com': {
    'gitlab_base_url = gitlab.example.com': `my.conf:10: [registry] gitlab_base_url: "gitlab.example.com" does not begin with http:// or https://; expected ${GITLAB}`,
    'gitlab_base_url = https://mygitlab.com/': `my.conf:10: [registry] gitlab_base_url: "https://mygitlab.com/" is still the placeholder; expected ${GITLAB}`,
    'gitlab_base_url = http:///gitlab': `my.conf:10: [registry] gitlab_base_url: "http:///gitlab" contains no host; expected ${GITLAB}`,
    'gitlab_base_url = http://gitlab:0/': `my.conf:10: [registry] gitlab_base_url: "http://gitlab:0/" has port 0; expected ${GITLAB}`,
    'gitlab_base_url = https://me:hunter2@gitlab.example.com': `my.conf:10: [registry] gitlab_base_url: the value contains credentials; expected ${GITLAB}`,
    'gitlab_base_url = https://gitlab.example.com/?private_token=hunter2': `my.conf:10: [registry] gitlab_base_url: the value contains a query or a fragment; expected ${GITLAB}`,
  },
  [`access_token = ${SECRETS.token}`]: {
    [`access_token = ${SECRETS.token}\n[events]\nsecret = fifteen-bytes-x`]: `my.conf:14: [events] secret: the value is shorter than 16 bytes; expected ${EVENTS}`,
    [`access_token = ${SECRETS.token}\n[events]\nsecret = ${'0'.repeat(32)}`]: `my.conf:14: [events] secret: the value is still the placeholder; expected ${EVENTS}`,
    [`access_token = ${SECRETS.token}\n[events]\nsecret = sixteen bytes or\n  more`]: `my.conf:14: [events] secret: the value contains a line break or a control character; expected ${EVENTS}`,
    [`access_token = ${SECRETS.token}\n[metrics]\ntoken = fifteen-bytes-x`]: `my.conf:14: [metrics] token: the value is shorter than 16 bytes; expected ${EVENTS}`,
    [`access_token = ${SECRETS.token}\n[metrics]\nrepositories_limit = 10001`]:
      'my.conf:14: [metrics] repositories_limit: "10001" is out of range; expected a whole number from 0 to 10000',
    'access_token = 00000000000000000000':
      'my.conf:12: [registry] access_token: the value is still the placeholder; expected a personal access token of the user, in one line',
    'access_token =':
      'my.conf:10: [registry] gitlab_base_url: is set without access_token; set both, or neither for a registry without GitLab; my.conf:12 sets access_token to an empty value',
    '': 'my.conf:10: [registry] gitlab_base_url: is set without access_token; set both, or neither for a registry without GitLab',
    [`access_token = ${SECRETS.token}\n  more`]:
      'my.conf:12: [registry] access_token: the value contains a line break or a control character; expected a personal access token of the user, in one line',
  },
  '[registry]': {
    '[registry]\nconcurrency_max = 0':
      'my.conf:10: [registry] concurrency_max: "0" is out of range; expected a whole number from 1 to 256, and at least `concurrency_min`',
    '[registry]\nconcurrency_max = 1':
      'my.conf:10: [registry] concurrency_max: is wrong: concurrency_min is 2 and concurrency_max is 1; the first must not exceed the second',
    '[registry]\nconcurrency_min = 64':
      'my.conf:10: [registry] concurrency_min: is wrong: concurrency_min is 64 and concurrency_max is 32; the first must not exceed the second',
    '[registry]\ntoken_origins = http://gitlab.example.com:8080 https://gitlab.example.com:8443':
      'my.conf:10: [registry] token_origins: "http://gitlab.example.com:8080" is plain http, but the same host is reached by https elsewhere in this section; passwords would be sent unprotected. Use its https origin',
    '[registry]\nrequests_per_second = -1':
      'my.conf:10: [registry] requests_per_second: "-1" is not a whole number; expected a whole number from 0 to 10000',
    '[registry]\nusername =':
      'my.conf:10: [registry] username: is empty although access_token is set; set both or neither',
    '[registry]\ndiscovery = guess':
      'my.conf:10: [registry] discovery: "guess" is not one of the choices; expected one of auto, catalog, gitlab, list',
    '[registry]\ndiscovery = list':
      'my.conf:10: [registry] discovery: is list, but repositories is not set; set it, or use another source',
    '[registry]\nrepositories = group/app':
      'my.conf:10: [registry] repositories: has no effect without discovery = list; set that, or use include',
    '[registry]\ndiscovery = catalog\ngroups = a':
      'my.conf:11: [registry] groups: has no effect, because GitLab does not list the repositories; set discovery = gitlab, or use include',
    '[registry]\ngroups = https://gitlab.example.com/a':
      'my.conf:10: [registry] groups: "https://gitlab.example.com/a" contains an entry that is not a path; expected paths such as my-group or my-group/my-project, separated by spaces or commas',
    '[registry]\ninclude = Group/App':
      'my.conf:10: [registry] include: "Group/App" contains a capital letter, which repository names must not have; expected names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    '[registry]\nexclude = a..b':
      'my.conf:10: [registry] exclude: "a..b" contains an entry that matches no repository name; expected names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    '[store]\nurl = postgresql://db/usage\n[registry]': `my.conf:10: [store] url: "postgresql://db/usage" is the URL of a PostgreSQL database, and only sqlite is supported; expected ${STORE}`,
    '[store]\nurl = postgresql://me:hunter2@db/usage\n[registry]': `my.conf:10: [store] url: the value is the URL of a PostgreSQL database, and only sqlite is supported; expected ${STORE}`,
    '[store]\nurl = /srv/usage.db\n[registry]': `my.conf:10: [store] url: "/srv/usage.db" does not begin with sqlite:, and only sqlite is supported; expected ${STORE}`,
    '[store]\nurl = sqlite://srv/usage.db\n[registry]': `my.conf:10: [store] url: "sqlite://srv/usage.db" contains a host; write an absolute path with three slashes; expected ${STORE}`,
    '[store]\nurl = sqlite:usage.db?mode=ro\n[registry]': `my.conf:10: [store] url: the value contains a query or a fragment; expected ${STORE}`,
    '[store]\nurl = sqlite:///srv/\n[registry]': `my.conf:10: [store] url: "sqlite:///srv/" contains no file name; expected ${STORE}`,
    '[store]\nretention_all = 0 days\n[registry]':
      'my.conf:10: [store] retention_all: "0 days" is too short; expected a duration of at least 1 second, such as 7 days',
    '[registry]\nusername = a:b':
      'my.conf:10: [registry] username: "a:b" contains a colon; expected the name of a GitLab user',
  },
};

const CASES = Object.entries(BROKEN).flatMap(([line, cases]) =>
  Object.entries(cases).map(([instead, problem]) => [line, instead, problem] as const),
);

test.for(CASES)('reports one problem if "%s" is replaced by "%s"', ([line, instead, problem]) => {
  expect(problems(changed(line, instead)).map((text) => text.replace(/\S+(?=:\d+ sets )/, 'my.conf'))).toEqual([
    problem,
  ]);
});

test('ignores section [ldap] if ldap is not among the methods', () => {
  const reported = (methods: string, ldap: string) =>
    problems(GOOD.replace(/\[ldap\][^[]*/, `[auth]\nmethods = ${methods}\nhtpasswd_file = accounts\n${ldap}`));
  expect(reported('htpasswd', '')).toEqual([]);
  expect(reported('htpasswd', '[ldap]\nhost = myldap.com\nbind_dn = cn=reader\n')).toEqual([]);
  expect(reported('htpasswd', '[ldap]\nhostt = myldap.com\n')).toEqual([
    'my.conf:7: [ldap] hostt: unknown key; did you mean host?',
  ]);
  const missing = reported('htpasswd, ldap', '').map((line) => line.split(';')[0]);
  expect(missing).toEqual(['host', 'base_dn', 'valid_gid'].map((key) => `my.conf: [ldap] ${key}: is not set`));
});

test('reports settings that need GitLab if there is none', () => {
  const reported = (...lines: string[]) =>
    problems(changed('gitlab_base_url = https://gitlab.example.com', ...lines)).map((line) => line.split(';')[0]);
  expect(reported('gitlab_base_url =')).toEqual([]);
  expect(reported('username = crawler')).toEqual([]);
  expect(reported('discovery = gitlab')).toEqual([
    'my.conf:10: [registry] discovery: is gitlab, but gitlab_base_url is not set',
  ]);
  expect(reported('groups = a')).toEqual([
    'my.conf:10: [registry] groups: has no effect, because GitLab does not list the repositories',
  ]);
  const anonymous = changed(`access_token = ${SECRETS.token}`).replace(/gitlab_base_url.*\n/, '');
  expect(problems(anonymous)).toEqual([]);
  expect(problems(`${anonymous}username = crawler`)).toEqual([
    'my.conf:12: [registry] username: is set without access_token; set both, or neither if anonymous users may read the registry',
  ]);
});

test('reports all problems at once, in the order of the file', () => {
  const text = GOOD.replace('8080', 'x').replace('10000', '').replace('https://gitlab', 'gitlab');
  expect(problems(text, { [`${PREFIX}REGISTRY_CONCURRENCY_MAX`]: 'many' }).map((line) => line.split(';')[0])).toEqual([
    'my.conf:2: [general] socket_port: "x" is not a whole number',
    'my.conf:6: [ldap] valid_gid: the value is empty',
    'my.conf:10: [registry] gitlab_base_url: "gitlab.example.com" does not begin with http:// or https://',
    `${PREFIX}REGISTRY_CONCURRENCY_MAX: [registry] concurrency_max: "many" is not a whole number`,
  ]);
});

test('reports contradictions together with other mistakes', () => {
  const text = changed('host = ldap.example.com', 'bind_dn = cn=reader');
  expect(problems(text).map((line) => line.split(';')[0])).toEqual([
    'my.conf:4: [ldap] bind_dn: is set without bind_password',
    'my.conf: [ldap] host: is not set',
  ]);
});

test('reports a file that is missing, a directory or not UTF-8 in one line', () => {
  const lines = (file: string) => loadConfig({ file, isDefaultFile: false, env: {} });
  const advice = 'create it from the output of --print-default-config, or name another file with -c FILE';
  expect(lines('/nonexistent.conf')).toEqual({ problems: [`/nonexistent.conf: the file does not exist; ${advice}`] });
  expect(lines(folder)).toEqual({ problems: [`${folder}: cannot be read: it is a directory`] });
  const latin1 = Buffer.from('[general]\n# f\xfcr mich\n', 'latin1');
  expect(problems(latin1)).toEqual(['my.conf: cannot be read: line 2 is not UTF-8']);
});

test('quotes no secret in a problem, even if it is in the wrong place', () => {
  const secret = 'Zm9vYmFyenF1eHF1dXg';
  const lines = GOOD.split('\n');
  const places = [
    `secret_key = ${secret}`,
    `previous_secret_keys = ${secret}`,
    `previous_secret_keys =\n ${SECRETS.oldKey}\n ${secret}=`,
    `access_token = ${secret}\n x`,
    `bind_password : ${secret}`,
    `bind_password = %(${secret})s`,
    `[events]\nsecret = ${secret}\n more`,
    `[metrics]\ntoken = ${secret}\n more`,
    `secret_key = short\n${secret}==\n${secret}==`,
    `${secret}`,
    `access_token = x\n${secret}=`,
    `gitlab_base_url = https://root:${secret}@gitlab.example.com`,
    `registry_base_url = ${secret}@registry`,
    `registry_base_url = https://x/#${secret}`,
    `host = ldaps://cn=x:${secret}@ldap`,
    `token_origins = https://u:${secret}@x`,
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.nat(lines.length), (place, at) => {
      const reported = problems(lines.toSpliced(at, 0, place).join('\n'))
        .join('\n')
        .toLowerCase();
      expect(reported).not.toContain(secret.toLowerCase());
    }),
  );
});

test('prints the first of many mistakes, and how many others there are', () => {
  const sections = Array.from({ length: 10_000 }, (_, i) => `[unknown ${i}]\n`).join('');
  const lines = problems(`${GOOD}${sections}`);
  expect(lines.length).toBeLessThan(60);
  expect(lines.at(-1)).toMatch(/99\d\d/);
});

import { variableOf } from '../src/config/environment.ts';
import type { Key } from '../src/config/readers/key.ts';
import { SECTIONS } from '../src/config/schema.ts';

/** Returns the page `docs/configuration.md`: every key of the schema. */
export function configurationPage(): string {
  const sections = [...SECTIONS].map(([section, { about, keys }]) => {
    const rows = Object.entries(keys).map(([name, key]) => row(section, name, key));
    return [
      `## [${section}]`,
      '',
      about,
      '',
      '| key | meaning | value | default |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return [INTRODUCTION, ...sections].join('\n');
}

/** Returns the table of all keys in `docs/operations.md`. */
export function configurationOverview(): string {
  const rows = [...SECTIONS].map(([section, { about, keys }]) => {
    const names = Object.entries(keys).map(([name, { fallback }]) =>
      fallback === undefined ? `**\`${name}\`**` : `\`${name}\``,
    );
    return `| [\`${section}\`](configuration.md#${section}) | ${cell(about)} | ${names.join(' ')} |`;
  });
  return ['| section | what it is about | keys, the required ones in bold |', '|---|---|---|', ...rows].join('\n');
}

function row(section: string, name: string, key: Key<unknown>): string {
  const fallback = key.fallback === undefined ? '**required**' : key.fallback === '' ? 'none' : `\`${key.fallback}\``;
  const secret = key.isSecret ? ` Also from a file: \`${variableOf(section, name)}_FILE\`.` : '';
  return `| ${[`\`${name}\``, `${key.about}${secret}`, key.right, fallback].map(cell).join(' | ')} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

const INTRODUCTION = `# Configuration

<!-- Written from the schema in src/config/: do not edit. \`npm run generate\` writes it. -->

The service reads one INI file, \`/etc/gitlab_registry_usage_rest.conf\` or what \`-c FILE\` names, and then the environment, which counts more.
\`gitlab-registry-usage-rest --print-default-config\` prints a file to start from, with a fresh \`secret_key\`.
Everything is checked at the start: each mistake is one line with file, line, section and key, and the service ends with exit code 2.

## The file

- \`[section]\` headers, then \`key = value\` or \`key: value\`. Keys are not case-sensitive. A deeper indented line continues the value above it.
- A line that begins with \`#\` or \`;\` is a comment. Behind a value a comment is part of the value.
- What stands in \`[DEFAULT]\` counts for every section. \`%(other_key)s\` is the value of that key in the same section or in \`[DEFAULT]\`, and \`%%\` is a per cent sign. Any other \`%\` is a per cent sign too, so that most secrets need no escaping.
- A duration is a whole number and a unit: \`w\`, \`week\`, \`weeks\`, \`d\`, \`day\`, \`days\`, \`h\`, \`hour\`, \`hours\`, \`m\`, \`min\`, \`minute\`, \`minutes\`, \`s\`, \`sec\`, \`second\` or \`seconds\`, in any case, such as \`2 weeks\`, \`14d\` or \`90 S\`.
- \`true\`, \`yes\`, \`t\`, \`y\`, \`on\` and \`1\` are true, \`false\`, \`no\`, \`f\`, \`n\`, \`off\` and \`0\` are false, in any case.
- Paths of files are relative to the directory that the service is started in.
- The file is for the service alone where it holds secrets (mode 600, or 640 with a group of the service's own): the log warns of one that others may read.

## The environment

\`GITLAB_REGISTRY_USAGE_REST_<SECTION>_<KEY>\` sets any key, as in \`GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT=8080\`. The value is taken literally: \`%\` means nothing there.
A variable that is set to nothing sets an empty value. For a secret, the same name with \`_FILE\` behind it names a file that holds the secret; one line end at its end does not count.
If the environment sets every required key, there need be no file. A variable with that prefix that looks like one of ours and is none is a mistake.
Others are let pass: Kubernetes makes some for a Service whose name is ours or begins with it, such as \`…_SERVICE_HOST\`, \`…_PORT_5000_TCP\` and \`…_PORT=tcp://10.0.0.1:5000\`. \`enableServiceLinks: false\` in the pod keeps them away.

\`HTTPS_PROXY\` and \`HTTP_PROXY\` name the proxies by which the registry and GitLab are reached, for https and for http URLs, as in \`http://user:password@proxy.example.com:3128\`.
\`NO_PROXY\` lists what is reached without one: host names with all below them, addresses, each with or without a port, separated by commas; \`*\` is everything. In lower case they count more.
The LDAP servers are always reached without a proxy.

\`STATE_DIRECTORY\`, as systemd sets it for \`StateDirectory=\`, is where the store is unless \`[store] url\` says otherwise.
`;

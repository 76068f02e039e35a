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

<!-- Generated from src/config/ by \`npm run generate\`; do not edit. -->

The service reads one INI file, then the environment, which takes precedence.
The file is \`/etc/gitlab_registry_usage_rest.conf\`, or the one that \`-c FILE\` names.

\`gitlab-registry-usage-rest --print-default-config\` prints a file to start from, with a fresh \`secret_key\`.

The service checks the whole configuration at the start.
It prints one line for each mistake, with file, line, section and key, and exits with code 2.

## Write the file

- \`[section]\` starts a section; \`key = value\` or \`key: value\` sets a key. Keys are not case-sensitive. A deeper indented line continues the value above it.
- A line that starts with \`#\` or \`;\` is a comment. A comment after a value is part of the value.
- \`[DEFAULT]\` applies to all sections. \`%(other_key)s\` inserts the value of a key of the same section or of \`[DEFAULT]\`. \`%%\` and any other \`%\` mean a per cent sign, so most secrets need no escaping.
- A duration is a whole number and a unit: \`w\`, \`week\`, \`weeks\`, \`d\`, \`day\`, \`days\`, \`h\`, \`hour\`, \`hours\`, \`m\`, \`min\`, \`minute\`, \`minutes\`, \`s\`, \`sec\`, \`second\` or \`seconds\`, in any case. Examples: \`2 weeks\`, \`14d\`, \`90 S\`.
- \`true\`, \`yes\`, \`t\`, \`y\`, \`on\` and \`1\` mean true; \`false\`, \`no\`, \`f\`, \`n\`, \`off\` and \`0\` mean false, in any case.
- File paths are relative to the working directory of the service.
- If the file contains secrets, only the service must be able to read it: mode 600, or 640 with a group of its own. The log warns if other users can read it.

## Use environment variables

\`GITLAB_REGISTRY_USAGE_REST_<SECTION>_<KEY>\` sets a key, for example \`GITLAB_REGISTRY_USAGE_REST_GENERAL_SOCKET_PORT=8080\`.
The value is literal: \`%\` has no meaning. An empty variable sets an empty value.

To read a secret from a file, add \`_FILE\` to the name of its variable and set it to the path. One line feed at the end of the file is removed.

If the environment sets every required key, no file is needed.
A variable with this prefix that looks like a key but is none is a mistake.
Variables that Kubernetes sets for a Service of the same name are ignored, such as \`…_SERVICE_HOST\`, \`…_PORT_5000_TCP\` and \`…_PORT=tcp://10.0.0.1:5000\`. To avoid them, set \`enableServiceLinks: false\` in the pod.

\`HTTPS_PROXY\` and \`HTTP_PROXY\` name the proxies for https and http requests to the registry and GitLab, for example \`http://user:password@proxy.example.com:3128\`.
\`NO_PROXY\` lists exceptions, separated by commas: host names with all subdomains, and addresses, each with or without a port; \`*\` means everything.
Lower-case names take precedence. LDAP connections never use a proxy.

\`STATE_DIRECTORY\`, which systemd sets for \`StateDirectory=\`, is the directory of the store unless \`[store] url\` is set.
`;

import { certificatesIn, privateKeyIn } from '../readers/certificates.ts';
import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { boolean, duration, isAllZeros, line, oneOf, optional, replaced, wholeNumber } from '../readers/readers.ts';
import { namespaces, patterns } from '../readers/repository-patterns.ts';
import { baseUrl, origins } from '../readers/web-addresses.ts';

/** A name for Basic authentication, which ends at the first colon (RFC 7617, section 2). */
const basicName: Reader<string> = (text) => (text.includes(':') ? { wrong: 'holds a colon' } : line(text));

export const REGISTRY_KEYS = {
  gitlab_base_url: key({
    about:
      'The GitLab that hands out the tokens for the registry. Empty for a registry on its own, such as Distribution, zot or Harbor.',
    right: 'an http or https URL without credentials, such as https://gitlab.example.com/',
    read: optional(baseUrl('mygitlab.com')),
    fallback: '',
    sample: 'https://mygitlab.com/',
  }),
  registry_base_url: key({
    about: 'The container registry.',
    right: 'an http or https URL without credentials, such as https://registry.example.com/',
    read: baseUrl('registry.mygitlab.com'),
    sample: 'https://registry.mygitlab.com/',
  }),
  username: key({
    about:
      'The user that reads the registry. In GitLab only an administrator may list all repositories; for others see `discovery`.',
    right: 'the name of a GitLab user',
    read: optional(basicName),
    fallback: 'root',
  }),
  access_token: key({
    about:
      'A personal access token of that user, with the scope `read_registry`, and also `read_api` where GitLab is asked for the repositories. For a registry on its own, the password of the user, or nothing where everybody may read it.',
    right: 'a personal access token of the user, in one line',
    read: optional(replaced(isAllZeros, line)),
    fallback: '',
    sample: '00000000000000000000',
    isSecret: true,
  }),
  request_timeout: key({
    about: 'How long to wait for an answer of the registry or of GitLab.',
    right: 'a duration from 1 second to 1 hour, such as 30 seconds',
    read: duration(3600),
    fallback: '30 seconds',
    isNew: true,
  }),
  concurrency_min: key({
    about:
      'How many requests are in flight at once when the registry is slow or refuses them, and while many ask the service itself.',
    right: 'a whole number from 1 to 256, and at most `concurrency_max`',
    read: wholeNumber(1, 256),
    fallback: '2',
    isNew: true,
  }),
  concurrency_max: key({
    about:
      'How many requests are in flight at most. Between the two the service finds out by itself how many the registry can take.',
    right: 'a whole number from 1 to 256, and at least `concurrency_min`',
    read: wholeNumber(1, 256),
    fallback: '32',
    isNew: true,
  }),
  requests_per_second: key({
    about: 'How many requests go out in a second at most, to the registry and GitLab together. `0` is no cap.',
    right: 'a whole number from 0 to 10000',
    read: wholeNumber(0, 10_000),
    fallback: '0',
    isNew: true,
  }),
  client_certificate: key({
    about:
      'The certificate to show to the registry and GitLab where they ask for one, with the chain behind it if there is one, read at the start. Needs `client_key`.',
    right: 'the path of a readable PEM file with at least one certificate',
    read: optional(certificatesIn),
    fallback: '',
    sample: '/etc/ssl/certs/my-client.pem',
    isNew: true,
  }),
  client_key: key({
    about: 'The private key of `client_certificate`, read at the start.',
    right: 'the path of a readable PEM file with a private key that needs no password',
    read: optional(privateKeyIn),
    fallback: '',
    sample: '/etc/ssl/private/my-client.pem',
    isNew: true,
  }),
  ca_file: key({
    about: 'Certificates to trust for the registry and GitLab besides the well-known authorities, read at the start.',
    right: 'the path of a readable PEM file with at least one certificate',
    read: optional(certificatesIn),
    fallback: '',
    sample: '/etc/ssl/certs/my-ca.pem',
    isNew: true,
  }),
  token_origins: key({
    about:
      'Further origins that may be sent the credentials where the registry names them as its token service. Those of the two base URLs always may.',
    right: 'origins such as https://tokens.example.com, separated by spaces or commas',
    read: origins,
    fallback: '',
    sample: 'https://tokens.example.com',
    isNew: true,
  }),
  empty_guard: key({
    about:
      'A collection that finds less than so many per cent of the tags of the last one is not believed: the last snapshot stays. `0` believes everything.',
    right: 'a whole number from 0 to 100',
    read: wholeNumber(0, 100),
    fallback: '10',
    isNew: true,
  }),
  thorough_interval: key({
    about:
      'How often a collection also asks whether every manifest that is known is still there. A registry says that a tag has not changed without looking at its manifest, so that what it has lost shows then only. Such a collection reads nothing again, but may count as pulls.',
    right: 'a duration of at least 1 second, such as 1 day',
    read: duration(LONGEST_SECONDS),
    fallback: '1 day',
    isNew: true,
  }),
  collect_created: key({
    about:
      'Whether to read when images were built and for which platform: one small request for each image that is new.',
    right: 'True or False',
    read: boolean,
    fallback: 'True',
    isNew: true,
  }),
  discovery: key({
    about:
      'Who says which repositories there are: the `catalog` of the registry, the REST API of `gitlab`, or the `list` in `repositories`. `auto` takes the catalogue where the user may list it, and else asks GitLab.',
    right: 'one of auto, catalog, gitlab, list',
    read: oneOf(['auto', 'catalog', 'gitlab', 'list']),
    fallback: 'auto',
    isNew: true,
  }),
  groups: key({
    about:
      'The groups, with all below them, and the projects whose repositories GitLab is asked for. Empty for all projects that the user is a member of.',
    right: 'paths such as my-group or my-group/my-project, separated by spaces or commas',
    read: namespaces,
    fallback: '',
    sample: 'my-group other-group/my-project',
    isNew: true,
  }),
  repositories: key({
    about:
      'The repositories for `discovery = list`. In a pattern `?` is any character but a slash, `*` any number of them, and `**` any characters; what fits one is looked for as with `auto`.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: 'my-group/app other-group/**',
    isNew: true,
  }),
  include: key({
    about: 'Patterns as in `repositories` for those that are read, of whatever was found. Empty for all of them.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: 'my-group/**',
    isNew: true,
  }),
  exclude: key({
    about: 'Patterns as in `repositories` for those that are left out. It counts more than `include`.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: '**/cache',
    isNew: true,
  }),
};

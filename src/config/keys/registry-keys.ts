import { ENGINES } from '../../domain/usage/garbage-collector.ts';
import { certificatesIn, privateKeyIn } from '../readers/certificates.ts';
import { LONGEST_SECONDS } from '../readers/duration.ts';
import { key, type Reader } from '../readers/key.ts';
import { boolean, duration, isAllZeros, line, oneOf, optional, replaced, wholeNumber } from '../readers/readers.ts';
import { namespaces, patterns } from '../readers/repository-patterns.ts';
import { baseUrl, origins } from '../readers/web-addresses.ts';

/** Reads a user name for basic authentication, which must not contain a colon (RFC 7617, section 2). */
const basicName: Reader<string> = (text) => (text.includes(':') ? { wrong: 'contains a colon' } : line(text));

export const REGISTRY_KEYS = {
  gitlab_base_url: key({
    about:
      'The GitLab that issues tokens for the registry. Empty for a registry without GitLab, such as Distribution, zot or Harbor.',
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
      'The user who reads the registry. In GitLab, only an administrator may list all repositories; for other users see `discovery`.',
    right: 'the name of a GitLab user',
    read: optional(basicName),
    fallback: 'root',
  }),
  access_token: key({
    about:
      'A personal access token of that user with the scope `read_registry`; also with `read_api` if GitLab lists the repositories. For a registry without GitLab: the password of the user, or empty if anonymous users may read.',
    right: 'a personal access token of the user, in one line',
    read: optional(replaced(isAllZeros, line)),
    fallback: '',
    sample: '00000000000000000000',
    isSecret: true,
  }),
  request_timeout: key({
    about: 'How long to wait for a response from the registry or GitLab.',
    right: 'a duration from 1 second to 1 hour, such as 30 seconds',
    read: duration(3600),
    fallback: '30 seconds',
    isNew: true,
  }),
  concurrency_min: key({
    about:
      'The number of concurrent requests when the registry is slow or rejects requests, and while the service itself is busy.',
    right: 'a whole number from 1 to 256, and at most `concurrency_max`',
    read: wholeNumber(1, 256),
    fallback: '2',
    isNew: true,
  }),
  concurrency_max: key({
    about:
      'The largest number of concurrent requests. Between minimum and maximum, the service finds out how many the registry can handle.',
    right: 'a whole number from 1 to 256, and at least `concurrency_min`',
    read: wholeNumber(1, 256),
    fallback: '32',
    isNew: true,
  }),
  requests_per_second: key({
    about: 'The largest number of requests per second, to the registry and GitLab together. `0` means no limit.',
    right: 'a whole number from 0 to 10000',
    read: wholeNumber(0, 10_000),
    fallback: '0',
    isNew: true,
  }),
  client_certificate: key({
    about:
      'The client certificate for the registry and GitLab, followed by its chain if there is one. Read at the start. Needs `client_key`.',
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
    about:
      'Certificates of authorities that are trusted for the registry and GitLab, in addition to the well-known ones. Read at the start.',
    right: 'the path of a readable PEM file with at least one certificate',
    read: optional(certificatesIn),
    fallback: '',
    sample: '/etc/ssl/certs/my-ca.pem',
    isNew: true,
  }),
  token_origins: key({
    about:
      'Further origins that may receive the credentials if the registry names them as its token service. The origins of both base URLs always may. An `http://` origin at a host that is reached by https is an error.',
    right: 'origins such as https://tokens.example.com, separated by spaces or commas',
    read: origins,
    fallback: '',
    sample: 'https://tokens.example.com',
    isNew: true,
  }),
  empty_guard: key({
    about:
      'If a crawl finds less than this percentage of the tags of the last snapshot, it fails and the last snapshot stays. `0` turns the check off.',
    right: 'a whole number from 0 to 100',
    read: wholeNumber(0, 100),
    fallback: '10',
    isNew: true,
  }),
  thorough_interval: key({
    about:
      'How often a crawl also checks that every known manifest still exists. Between two such crawls, the service does not notice manifests that the registry has lost, because a registry reports a tag as unchanged without looking at its manifest. A thorough crawl reads no content again, but its requests may count as pulls.',
    right: 'a duration of at least 1 second, such as 1 day',
    read: duration(LONGEST_SECONDS),
    fallback: '1 day',
    isNew: true,
  }),
  verify_blobs_per_crawl: key({
    about:
      'How many layers and configs each thorough crawl but the first asks the registry for, with one request each: those whose last check is the oldest. A blob that is not stored, or has another size than the manifests state, makes its tags incomplete. `0` turns this off, and the manifests are believed. The requests may count as pulls.',
    right: 'a whole number from 0 to 10000000',
    read: wholeNumber(0, 10_000_000),
    fallback: '10000',
    isNew: true,
  }),
  pull_through_cache: key({
    about:
      'Whether the registry is a pull-through cache of another one. Such a cache stores what a crawl reads, and names blobs that it may not store: the service then warns, asks for no blob, and reports the figures as not complete. `auto` recognises Distribution 2 in proxy mode before it reads anything, and Distribution 3 and proxy projects of Harbor while they fetch something; set `yes` for them and for proxies of Nexus and Artifactory. `no` turns the recognition off.',
    right: 'one of auto, yes, no',
    read: oneOf(['auto', 'yes', 'no']),
    fallback: 'auto',
    isNew: true,
  }),
  garbage_collector: key({
    about:
      'The garbage collector that frees the space of deleted tags: `reclaimable_bytes` depends on it. `auto` finds out by what the registry answers, and assumes that the operator of a Distribution registry runs its garbage collection with `-m`; set `distribution-keep-untagged` for one without `-m`, and `zot-delete-referrers` for a zot with `deleteReferrers`. `GET /collection` shows which one is assumed, and why. With `unknown`, the figures count as with `distribution-3`.',
    right: `one of auto, ${ENGINES.join(', ')}`,
    read: oneOf(['auto', ...ENGINES]),
    fallback: 'auto',
    isNew: true,
  }),
  collect_created: key({
    about: 'Whether to read when images were built and for which platform. This costs one small request per new image.',
    right: 'True or False',
    read: boolean,
    fallback: 'True',
    isNew: true,
  }),
  discovery: key({
    about:
      'The source of the list of repositories: the `catalog` of the registry, the REST API of `gitlab`, or the `list` in `repositories`. `auto` uses the catalogue if the user may list it, and otherwise GitLab. A registry without a catalogue, such as Docker Hub, needs `list`.',
    right: 'one of auto, catalog, gitlab, list',
    read: oneOf(['auto', 'catalog', 'gitlab', 'list']),
    fallback: 'auto',
    isNew: true,
  }),
  groups: key({
    about:
      'The groups and projects whose repositories GitLab lists, with all subgroups. Empty means all projects of the user.',
    right: 'paths such as my-group or my-group/my-project, separated by spaces or commas',
    read: namespaces,
    fallback: '',
    sample: 'my-group other-group/my-project',
    isNew: true,
  }),
  repositories: key({
    about:
      'The repositories for `discovery = list`. In a pattern, `?` matches any character but a slash, `*` any number of them, and `**` any number of any characters. Repositories that match a pattern are searched as with `auto`.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: 'my-group/app other-group/**',
    isNew: true,
  }),
  include: key({
    about: 'Patterns as in `repositories`: only matching repositories are read. Empty means all.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: 'my-group/**',
    isNew: true,
  }),
  exclude: key({
    about:
      'Patterns as in `repositories`: matching repositories are not read. `exclude` takes precedence over `include`.',
    right: 'names or patterns such as my-group/app or my-group/**, separated by spaces or commas',
    read: patterns,
    fallback: '',
    sample: '**/cache',
    isNew: true,
  }),
};

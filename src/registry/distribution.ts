import { hash } from 'node:crypto';
import { readImageConfig } from '../domain/manifest/image-config.ts';
import { readManifest } from '../domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../domain/manifest/media-types.ts';
import { type Digest, parseDigest, type RepositoryName, type TagName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { Registry, StoredManifest } from '../ports.ts';
import { type AuthorizedClient, type AuthorizedOptions, createAuthorizedClient } from './auth/authorized-client.ts';
import { CATALOG } from './auth/token-service.ts';
import { createWanted, type DiscoveryOptions, discover, type NameSources } from './discovery.ts';
import { RegistryError } from './errors.ts';
import { gitlabRepositories } from './gitlab/gitlab-projects.ts';
import { type Collection, catalogPage, pages } from './paginated-listing.ts';
import { signedPayload } from './schema1.ts';
import { createTagLists } from './tag-lists.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from './transport/http-client.ts';
import { createLookup } from './transport/link-local.ts';
import { detectOutages } from './transport/outage-detector.ts';
import { errorCodes, header } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

export interface DistributionOptions extends HttpOptions, AuthorizedOptions, DiscoveryOptions {}

/** A registry of the Distribution family (Docker's, GitLab's, Harbor, zot) over HTTP. */
export interface DistributionRegistry extends Registry {
  /** How many requests went out since the start. */
  requestsCount(): number;
  /** How many requests may be in flight at present. */
  concurrency(): number;
  close(): Promise<void>;
}

/** Every type, in one header: a registry tells a client that lacks one that the manifest does not exist. */
const ACCEPT = Object.values(MANIFEST_TYPES).join(', ');
/** Of a manifest or a config: both are read whole, many at once. */
const MOST_BYTES = 8 * 1024 * 1024;
const askForManifest = { method: 'GET', headers: { accept: ACCEPT }, mostBytes: MOST_BYTES } as const;

/** A registry that has the API never answers 404 (OCI distribution-spec, "Listing Referrers"); others do not know the path. */
const NO_REFERRERS_API: ReadonlySet<number> = new Set([400, 404, 405, 501]);

export function createDistributionRegistry(options: DistributionOptions): DistributionRegistry {
  const http = createOwnHttpClient(options);
  const client = createAuthorizedClient(detectOutages(http, options.registryUrl), options);
  const tagLists = createTagLists(client, options);
  const isWanted = createWanted(options);
  /** What was listed against all expectation: GitLab finds a group that has moved by its former path, too. */
  const unexpected = new Set<RepositoryName>();
  return {
    async *repositories(signal) {
      client.begin();
      tagLists.begin();
      for await (const names of discover(nameSources(http, client, options), options, signal)) {
        const legal = names.filter((name) => typeof name === 'string');
        for (const name of legal) if (!isWanted(name)) unexpected.add(name);
        await client.expect(legal, signal);
        yield* names;
      }
    },
    isWanted: (repository) => isWanted(repository) || unexpected.has(repository),
    expect: client.expect,
    tags: tagLists.list,
    resolve: (repository, reference, before, signal) => resolve(client, repository, reference, before, options, signal),
    async manifest(repository, reference, signal) {
      const path = `v2/${repository}/manifests/${reference}`;
      const answer = await client.send(repository, path, { ...askForManifest, signal });
      if (answer.status === 404) return undefined;
      return toManifest(answer, reference, () => new URL(path, options.registryUrl));
    },
    blobBytes: (repository, digest, signal) => blobBytes(client, repository, digest, options, signal),
    async imageConfig(repository, digest, signal) {
      const path = `v2/${repository}/blobs/${digest}`;
      const answer = await client.send(repository, path, { method: 'GET', signal, mostBytes: MOST_BYTES });
      if (answer.status === 404) return undefined;
      if (answer.status !== 200) return unreadable(`status ${answer.status}`, path, options, answer);
      if (answer.isTooLarge) return unreadable('more than 8 MiB is too large for a config', path, options, answer);
      if (!hasDigest(answer.body, digest))
        return unreadable('the bytes do not match their digest', path, options, answer);
      return readImageConfig(parseJson(answer.body));
    },
    async referrers(repository, digest, signal) {
      const path = `v2/${repository}/referrers/${digest}`;
      const answer = await client.send(repository, path, {
        method: 'GET',
        headers: { accept: MANIFEST_TYPES.ociIndex },
        signal,
      });
      if (NO_REFERRERS_API.has(answer.status)) return undefined;
      if (answer.status !== 200) return unreadable(`status ${answer.status}`, path, options, answer);
      if (/\bnext\b/i.test(String(answer.headers['link'])))
        return unreadable('the referrers are too many for one page', path, options, answer);
      const index = readManifest(MANIFEST_TYPES.ociIndex, parseJson(answer.body));
      return index.kind === 'index' ? index.manifests : unreadable('the referrers are no index', path, options, answer);
    },
    requestsCount: http.requestsCount,
    concurrency: http.concurrency,
    close: http.close,
  };
}

/** A client that knows which servers the operator has named, and which are only the registry's word. */
function createOwnHttpClient(options: DistributionOptions): HttpClient {
  const { registryUrl, gitlabUrl = registryUrl.href, tokenOrigins } = options;
  const certificateOrigins = [registryUrl.origin, new URL(gitlabUrl).origin, ...tokenOrigins];
  const hosts = new Set(certificateOrigins.map((origin) => new URL(origin).hostname));
  return createHttpClient({ lookup: createLookup(hosts), certificateOrigins, ...options });
}

function nameSources(http: HttpClient, client: AuthorizedClient, options: DistributionOptions): NameSources {
  const { registryUrl, gitlabUrl, accessToken, groups = [] } = options;
  const listing: Collection<string> = { subject: CATALOG, path: 'v2/_catalog', page: catalogPage };
  return {
    catalog: (signal) => pages(client, registryUrl, listing, signal),
    gitlab:
      gitlabUrl === undefined || accessToken === undefined
        ? undefined
        : (signal) => gitlabRepositories(http, { gitlabUrl, accessToken, groups }, signal),
  };
}

function toManifest(answer: HttpResponse, reference: string, url: () => URL): StoredManifest {
  if (answer.status !== 200) {
    const unsupported = answer.status === 400 && errorCodes(answer).includes('MANIFEST_INVALID');
    const what = unsupported ? 'the registry holds a format that it no longer serves' : `status ${answer.status}`;
    throw new RegistryError(unsupported ? 'unsupported' : 'unreadable', what, url(), answer);
  }
  if (answer.isTooLarge)
    throw new RegistryError('unreadable', 'more than 8 MiB is too large for a manifest', url(), answer);
  const body = parseJson(answer.body);
  const manifest = readManifest(header(answer, 'content-type'), body);
  // What is stored of a signed schema 1 manifest, and has its digest, is the payload without the signatures.
  const stored = manifest.kind === 'schema1' ? signedPayload(answer.body, body) : answer.body;
  const digest = digestOf(answer, reference, stored, url);
  if (manifest.kind === 'unsupported') throw new RegistryError('unsupported', manifest.reason, url(), answer);
  const served = { contentType: header(answer, 'content-type') ?? '', body: answer.body };
  return { digest, sizeBytes: (stored ?? answer.body).length, manifest, served };
}

/**
 * The digest of a manifest, by a conditional HEAD: a registry compares the whole of `If-None-Match` with the digest, and a 304 is no pull to it.
 * One that names no digest is asked for the manifest itself.
 */
async function resolve(
  client: AuthorizedClient,
  repository: RepositoryName,
  reference: TagName | Digest,
  before: Digest | undefined,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const path = `v2/${repository}/manifests/${reference}`;
  const headers = { accept: ACCEPT, ...(before !== undefined && { 'if-none-match': `"${before}"` }) };
  const answer = await client.send(repository, path, { method: 'HEAD', headers, signal });
  if (answer.status === 304 && before !== undefined) return before;
  if (answer.status === 404) return undefined;
  const named = parseDigest(header(answer, 'docker-content-digest') ?? '');
  if (answer.status === 200 && named !== undefined) return named;
  const whole = await client.send(repository, path, { ...askForManifest, signal });
  if (whole.status === 404) return undefined;
  return toManifest(whole, reference, () => new URL(path, options.registryUrl)).digest;
}

/** The digest that the registry names, or the one asked for, which has to be that of the bytes where those are known. */
function digestOf(answer: HttpResponse, reference: string, stored: Buffer | undefined, url: () => URL): Digest {
  const named = parseDigest(header(answer, 'docker-content-digest') ?? '');
  const asked = parseDigest(reference);
  const digest = asked ?? named ?? (`sha256:${hash('sha256', stored ?? answer.body)}` as Digest);
  if (stored === undefined) return digest;
  if (hasDigest(stored, digest)) return digest;
  const [algorithm = ''] = digest.split(':');
  const isKnown = CHECKABLE.has(algorithm);
  const what = isKnown ? 'the bytes do not match their digest' : `no way to check a digest of ${algorithm}`;
  throw new RegistryError('unreadable', what, url(), answer);
}

const CHECKABLE: ReadonlySet<string> = new Set(['sha256', 'sha512']);

function hasDigest(bytes: Buffer, digest: Digest): boolean {
  const [algorithm = '', encoded] = digest.split(':');
  return CHECKABLE.has(algorithm) && hash(algorithm, bytes) === encoded;
}

async function blobBytes(
  client: AuthorizedClient,
  repository: RepositoryName,
  digest: Digest,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const path = `v2/${repository}/blobs/${digest}`;
  let answer = await client.send(repository, path, { method: 'HEAD', signal });
  // A blob store's signed address may be for another method than HEAD (protocol trap of S3 and GCS): one byte tells the length too.
  if (answer.status === 403 || answer.status === 405) {
    answer = await client.send(repository, path, { method: 'GET', headers: { range: 'bytes=0-0' }, signal });
  }
  if (answer.status === 404) return undefined;
  const total =
    answer.status === 206
      ? /\/(\d+)$/.exec(header(answer, 'content-range') ?? '')?.[1]
      : header(answer, 'content-length');
  if ((answer.status === 200 || answer.status === 206) && total !== undefined && /^\d+$/.test(total))
    return Number(total);
  return unreadable(`status ${answer.status} without a length`, path, options, answer);
}

function unreadable(reason: string, path: string, options: DistributionOptions, response: HttpResponse): never {
  throw new RegistryError('unreadable', reason, new URL(path, options.registryUrl), response);
}

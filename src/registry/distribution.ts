import { hash } from 'node:crypto';
import { type ImageConfig, readImageConfig } from '../domain/manifest/image-config.ts';
import { type Descriptor, readManifest } from '../domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../domain/manifest/media-types.ts';
import { type Digest, parseDigest, type RepositoryName, type TagName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { HeldUp, Registry, StoredManifest } from '../ports.ts';
import { type AuthorizedClient, type AuthorizedOptions, createAuthorizedClient } from './auth/authorized-client.ts';
import { CATALOG } from './auth/token-scope.ts';
import { createNameFilter, type DiscoveryOptions, discover, type NameSources } from './discovery.ts';
import { RegistryError } from './errors.ts';
import { detectCollector } from './garbage-collector.ts';
import { gitlabRepositories } from './gitlab/gitlab-projects.ts';
import { catalogPage, pages } from './paginated-listing.ts';
import { createPullThroughDetector, type PullThroughOptions } from './pull-through.ts';
import { signedPayload } from './schema1.ts';
import { createTagLists } from './tag-lists.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from './transport/http-client.ts';
import { createLookup } from './transport/link-local.ts';
import { detectOutages } from './transport/outage-detector.ts';
import { errorCodes, header } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

export interface DistributionOptions extends HttpOptions, AuthorizedOptions, DiscoveryOptions, PullThroughOptions {}

/** A registry of the Distribution family (Docker, GitLab, Harbor, zot) over HTTP. */
export interface DistributionRegistry extends Registry {
  /** The number of requests since the start. */
  requestsCount(): number;
  /** The current limit of concurrent requests. */
  concurrency(): number;
  /** Since when and until when servers hold up all requests; undefined while requests succeed. */
  heldUp(): HeldUp | undefined;
  close(): Promise<void>;
}

/** All types in one header: if the client does not accept a type, the registry answers that the manifest does not exist. */
const ACCEPT = Object.values(MANIFEST_TYPES).join(', ');
/** The limit for manifests and configs: they are held in memory, many at a time. */
const MOST_BYTES = 8 * 1024 * 1024;
const manifestRequest = { method: 'GET', headers: { accept: ACCEPT }, mostBytes: MOST_BYTES } as const;

export function createDistributionRegistry(options: DistributionOptions): DistributionRegistry {
  const http = createOwnHttpClient(options);
  const pullThrough = createPullThroughDetector(options);
  const client = pullThrough.watch(createAuthorizedClient(detectOutages(http, options.registryUrl), options));
  const tagLists = createTagLists(client, options);
  const isWanted = createNameFilter(options);
  /** Names that were listed although the configuration does not select them: GitLab also finds a moved group by its former path. */
  const unexpected = new Set<RepositoryName>();
  const heads: TrustInHead = { manifests: true, blobs: true };
  return {
    async *repositories(signal) {
      client.begin();
      pullThrough.begin();
      tagLists.begin();
      heads.manifests = true;
      heads.blobs = true;
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
    resolve: (repository, reference, before, signal) =>
      resolve(client, heads, { repository, reference, before }, options, signal),
    async manifest(repository, reference, signal) {
      const path = `v2/${repository}/manifests/${reference}`;
      const response = await client.send(repository, path, { ...manifestRequest, signal });
      if (response.status === 404) return undefined;
      return toManifest(response, reference, () => new URL(path, options.registryUrl));
    },
    blobBytes: (repository, digest, signal, expectedBytes) =>
      blobBytes(client, heads, { repository, digest, expectedBytes }, options, signal),
    imageConfig: (repository, digest, signal) => imageConfig(client, repository, digest, options, signal),
    referrers: (repository, digest, signal) => referrers(client, repository, digest, options, signal),
    garbageCollector: (sample, signal) =>
      detectCollector({ client, usesGitlabApi: tagLists.usesGitlabApi }, sample, signal),
    probePullThrough: (repository, signal) => pullThrough.probe(client, repository, ACCEPT, signal),
    pullThrough: pullThrough.state,
    requestsCount: http.requestsCount,
    concurrency: http.concurrency,
    heldUp: http.heldUp,
    close: http.close,
  };
}

/** Creates a client that distinguishes servers that the operator has configured from those that the registry names. */
function createOwnHttpClient(options: DistributionOptions): HttpClient {
  const { registryUrl, gitlabUrl = registryUrl.href, tokenOrigins } = options;
  const certificateOrigins = [registryUrl.origin, new URL(gitlabUrl).origin, ...tokenOrigins];
  const hosts = new Set(certificateOrigins.map((origin) => new URL(origin).hostname));
  return createHttpClient({ lookup: createLookup(hosts), certificateOrigins, ...options });
}

function nameSources(http: HttpClient, client: AuthorizedClient, options: DistributionOptions): NameSources {
  const { registryUrl, gitlabUrl, accessToken, groups = [] } = options;
  const nameOf = (name: string): string => name;
  const listing = { subject: CATALOG, path: 'v2/_catalog', page: catalogPage, nameOf, what: 'repositories' } as const;
  return {
    catalog: (signal) => pages(client, registryUrl, listing, signal),
    gitlab:
      gitlabUrl === undefined || accessToken === undefined
        ? undefined
        : (signal) => gitlabRepositories(http, { gitlabUrl, accessToken, groups }, signal),
  };
}

function toManifest(response: HttpResponse, reference: string, url: () => URL): StoredManifest {
  if (response.status !== 200) {
    const unsupported = response.status === 400 && errorCodes(response).includes('MANIFEST_INVALID');
    const what = unsupported
      ? 'the registry no longer serves the format of this manifest'
      : `status ${response.status}`;
    throw new RegistryError(unsupported ? 'unsupported' : 'unreadable', what, url(), response);
  }
  if (response.isTooLarge) throw new RegistryError('unreadable', 'the manifest is larger than 8 MiB', url(), response);
  const body = parseJson(response.body);
  const manifest = readManifest(header(response, 'content-type'), body);
  // The registry stores a signed schema 1 manifest without its signatures, and its digest is that of this payload.
  const stored = manifest.kind === 'schema1' ? signedPayload(response.body, body) : response.body;
  const digest = digestOf(response, reference, stored, url);
  if (manifest.kind === 'unsupported') throw new RegistryError('unsupported', manifest.reason, url(), response);
  if (manifest.kind === 'contradictory') throw new RegistryError('unreadable', manifest.reason, url(), response);
  const served = { contentType: header(response, 'content-type') ?? '', body: response.body };
  return { digest, sizeBytes: (stored ?? response.body).length, manifest, served };
}

/** Whether the registry has answered HEAD like GET so far, in this crawl. Some registries and proxies do not (Nexus: 404). */
interface TrustInHead {
  manifests: boolean;
  blobs: boolean;
}

interface AskedManifest {
  readonly repository: RepositoryName;
  readonly reference: TagName | Digest;
  readonly before: Digest | undefined;
}

/**
 * Returns the digest of a manifest, by a conditional HEAD: the registry compares all of `If-None-Match` with the digest, and does not count a 304 as a
 * pull. If the response is not a digest, only a GET tells whether the manifest is absent, forbidden or unreadable. Once the two methods have differed,
 * the rest of the crawl asks by GET at once.
 */
async function resolve(
  client: AuthorizedClient,
  heads: TrustInHead,
  { repository, reference, before }: AskedManifest,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const path = `v2/${repository}/manifests/${reference}`;
  const headers = { accept: ACCEPT, ...(before !== undefined && { 'if-none-match': `"${before}"` }) };
  const byGet = () => resolveByGet(client, { repository, reference, before, headers }, options, signal);
  if (!heads.manifests) return byGet();
  const response = await client.send(repository, path, { method: 'HEAD', headers, signal }).catch(unlessForbidden);
  if (response?.status === 304 && before !== undefined) return before;
  const named = response && parseDigest(header(response, 'docker-content-digest') ?? '');
  if (response?.status === 200 && named !== undefined) return named;
  const found = await byGet();
  if (response?.status !== 200 && found !== undefined) heads.manifests = false;
  return found;
}

interface ConditionalGet extends AskedManifest {
  readonly headers: Readonly<Record<string, string>>;
}

async function resolveByGet(
  client: AuthorizedClient,
  { repository, reference, before, headers }: ConditionalGet,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const path = `v2/${repository}/manifests/${reference}`;
  const whole = await client.send(repository, path, { ...manifestRequest, headers, signal });
  if (whole.status === 304 && before !== undefined) return before;
  if (whole.status === 404) return undefined;
  return toManifest(whole, reference, () => new URL(path, options.registryUrl)).digest;
}

/** Returns undefined for a refusal of one request, which another method may not get. */
function unlessForbidden(error: unknown): undefined {
  if (error instanceof RegistryError && error.kind === 'forbidden') return undefined;
  throw error;
}

/** Returns the requested digest, or the one that the registry states. If the bytes are known, it must match them. */
function digestOf(response: HttpResponse, reference: string, stored: Buffer | undefined, url: () => URL): Digest {
  const named = parseDigest(header(response, 'docker-content-digest') ?? '');
  const asked = parseDigest(reference);
  const digest = asked ?? named ?? (`sha256:${hash('sha256', stored ?? response.body)}` as Digest);
  if (stored === undefined) return digest;
  if (hasDigest(stored, digest)) return digest;
  const [algorithm = ''] = digest.split(':');
  const isKnown = CHECKABLE.has(algorithm);
  const what = isKnown ? 'the bytes do not match their digest' : `digests of ${algorithm} cannot be verified`;
  throw new RegistryError('unreadable', what, url(), response);
}

const CHECKABLE: ReadonlySet<string> = new Set(['sha256', 'sha512']);

function hasDigest(bytes: Buffer, digest: Digest): boolean {
  const [algorithm = '', encoded] = digest.split(':');
  return CHECKABLE.has(algorithm) && hash(algorithm, bytes) === encoded;
}

/** Registries with the API never answer 404 (OCI distribution-spec, "Listing Referrers"); others do not know the path. */
const NO_REFERRERS_API: ReadonlySet<number> = new Set([400, 404, 405, 501]);

async function referrers(
  client: AuthorizedClient,
  repository: RepositoryName,
  digest: Digest,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const path = `v2/${repository}/referrers/${digest}`;
  const request = { method: 'GET', headers: { accept: MANIFEST_TYPES.ociIndex }, signal } as const;
  const response = await client.send(repository, path, request);
  if (NO_REFERRERS_API.has(response.status)) return undefined;
  if (response.status !== 200) return unreadable(`status ${response.status}`, path, options, response);
  if (/\bnext\b/i.test(String(response.headers['link'])))
    return unreadable('the list of referrers has more than one page', path, options, response);
  const index = readManifest(undefined, parseJson(response.body));
  return index.kind === 'index'
    ? index.manifests
    : unreadable('the list of referrers is not an index', path, options, response);
}

async function imageConfig(
  client: AuthorizedClient,
  repository: RepositoryName,
  digest: Digest,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<ImageConfig | undefined> {
  const path = `v2/${repository}/blobs/${digest}`;
  const response = await client.send(repository, path, { method: 'GET', signal, mostBytes: MOST_BYTES });
  if (response.status === 404) return undefined;
  if (response.status !== 200) return unreadable(`status ${response.status}`, path, options, response);
  if (response.isTooLarge) return unreadable('the config is larger than 8 MiB', path, options, response);
  if (!hasDigest(response.body, digest))
    return unreadable('the bytes do not match their digest', path, options, response);
  return readImageConfig(parseJson(response.body));
}

interface AskedBlob {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly expectedBytes: number | undefined;
}

/**
 * Asks by HEAD, and by GET for one byte if that does not settle it. A signed URL of a blob store may not be valid for HEAD (S3, GCS), and some
 * registries and proxies answer HEAD with 404 or a wrong length.
 */
async function blobBytes(
  client: AuthorizedClient,
  heads: TrustInHead,
  { repository, digest, expectedBytes }: AskedBlob,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const path = `v2/${repository}/blobs/${digest}`;
  if (heads.blobs) {
    const head = await client.send(repository, path, { method: 'HEAD', signal }).catch(unlessForbidden);
    const length = head && lengthIn(head);
    const isPlausible = length === (expectedBytes ?? length) && (length !== 0 || isOfNothing(digest));
    if (head?.status === 200 && length !== undefined && isPlausible) return length;
  }
  const range = { method: 'GET', headers: { range: 'bytes=0-0' }, signal, mostBytes: 1 } as const;
  const response = await client.send(repository, path, range);
  if (response.status === 404) return undefined;
  const length = lengthIn(response);
  if (length === undefined) return unreadable(`status ${response.status} without a length`, path, options, response);
  // A HEAD that agrees with the manifests was returned above, so HEAD was wrong here.
  if (length === (expectedBytes ?? length)) heads.blobs = false;
  return length;
}

/** Returns whether the digest is that of zero bytes. */
function isOfNothing(digest: Digest): boolean {
  const [algorithm = ''] = digest.split(':');
  return CHECKABLE.has(algorithm) ? hasDigest(Buffer.alloc(0), digest) : true;
}

/** Returns the length of the whole blob. A range of an empty blob cannot be satisfied (416). The length of a compressed response is not the blob's. */
function lengthIn(response: HttpResponse): number | undefined {
  if ((header(response, 'content-encoding') ?? 'identity') !== 'identity') return undefined;
  const isRange = response.status === 206 || response.status === 416;
  if (response.status !== 200 && !isRange) return undefined;
  const total = isRange
    ? /\/(\d+)$/.exec(header(response, 'content-range') ?? '')?.[1]
    : header(response, 'content-length');
  return total !== undefined && /^\d+$/.test(total) ? Number(total) : undefined;
}

function unreadable(reason: string, path: string, options: DistributionOptions, response: HttpResponse): never {
  throw new RegistryError('unreadable', reason, new URL(path, options.registryUrl), response);
}

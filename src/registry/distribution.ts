import { hash } from 'node:crypto';
import { z } from 'zod';
import { MANIFEST_TYPES, readManifest } from '../domain/manifest.ts';
import {
  type Digest,
  parseDigest,
  parseRepositoryName,
  parseTagName,
  type RepositoryName,
  type TagName,
} from '../domain/names.ts';
import type { Registry, StoredManifest } from '../ports.ts';
import { type AuthorizedClient, type AuthorizedOptions, createAuthorizedClient } from './authorized.ts';
import { RegistryError } from './errors.ts';
import type { HttpAnswer } from './exchange.ts';
import { createHttpClient, type HttpOptions } from './http.ts';
import { nextPage } from './link.ts';
import { CATALOG, type TokenSubject } from './tokens.ts';

export interface DistributionOptions extends HttpOptions, AuthorizedOptions {
  /** Told of what is left out because no rule covers it. */
  readonly warn: (message: string) => void;
}

/** A registry of the Distribution family (Docker's, GitLab's, Harbor, zot) over HTTP. */
export interface DistributionRegistry extends Registry {
  /** How many requests went out since the start. */
  requestsCount(): number;
  close(): Promise<void>;
}

/** Every type, in one header: a registry tells a client that lacks one that the manifest does not exist. */
const ACCEPT = Object.values(MANIFEST_TYPES).join(', ');
const LARGEST_MANIFEST_BYTES = 8 * 1024 * 1024;
const LARGEST_PAGE = 1000;

export function createDistributionRegistry(options: DistributionOptions): DistributionRegistry {
  const http = createHttpClient(options);
  const client = createAuthorizedClient(http, options);
  return {
    async *repositories(signal) {
      for await (const page of pages(client, CATALOG, 'v2/_catalog', catalogPage, options, signal)) {
        const names = page.flatMap((text) => parseRepositoryName(text) ?? []);
        if (names.length < page.length) options.warn(`${page.length - names.length} repositories have no legal name`);
        await client.expect(names, signal);
        yield* names;
      }
    },
    async tags(repository, signal) {
      const tags: TagName[] = [];
      const path = `v2/${repository}/tags/list`;
      for await (const page of pages(client, repository, path, tagsPage, options, signal)) {
        for (const text of page) tags.push(parseTagName(text) ?? unreadable(`a tag has no legal name`, path, options));
      }
      return [...new Set(tags)];
    },
    async manifest(repository, reference, signal) {
      const path = `v2/${repository}/manifests/${reference}`;
      const answer = await client.send(repository, path, { method: 'GET', headers: { accept: ACCEPT }, signal });
      if (answer.status === 404) return undefined;
      return toManifest(answer, reference, () => new URL(path, options.registryUrl));
    },
    blobBytes: (repository, digest, signal) => blobBytes(client, repository, digest, options, signal),
    requestsCount: http.requestsCount,
    close: http.close,
  };
}

const catalogPage = z
  .object({ repositories: z.array(z.string()).nullish() })
  .transform((page) => page.repositories ?? []);
const tagsPage = z.object({ tags: z.array(z.string()).nullish() }).transform((page) => page.tags ?? []);

/** A listing, page by page: to the last `next` link, however many a page holds. A subject that is gone has none. */
async function* pages(
  client: AuthorizedClient,
  subject: TokenSubject,
  path: string,
  schema: z.ZodType<string[]>,
  options: DistributionOptions,
  signal: AbortSignal,
): AsyncGenerator<string[]> {
  const seen = new Set<string>();
  let size: string | undefined = String(LARGEST_PAGE);
  let last: string | undefined;
  for (;;) {
    const query = new URLSearchParams({ ...(size && { n: size }), ...(last !== undefined && { last }) });
    const answer = await client.send(subject, `${path}?${query}`, { method: 'GET', signal });
    if (answer.status === 404 && subject !== CATALOG) return;
    if (answer.status === 400 && size !== undefined && errorCodes(answer).includes('PAGINATION_NUMBER_INVALID')) {
      size = Number(size) > 1 ? String(Math.floor(Number(size) / 2)) : undefined;
      continue;
    }
    const url = new URL(path, options.registryUrl);
    if (answer.status !== 200) throw new RegistryError('unreadable', `status ${answer.status}`, url, answer);
    const page = schema.safeParse(parseJson(answer.body));
    if (!page.success) throw new RegistryError('unreadable', 'the listing is not as the protocol has it', url, answer);
    yield page.data;
    const next = nextPage(answer.headers['link']);
    if (next === undefined) return;
    if (seen.has(next.last))
      throw new RegistryError('unreadable', 'the pages of the listing go round in a circle', url);
    seen.add(next.last);
    last = next.last;
    size = next.n ?? size;
  }
}

function toManifest(answer: HttpAnswer, reference: string, url: () => URL): StoredManifest {
  if (answer.status !== 200) {
    const unsupported = answer.status === 400 && errorCodes(answer).includes('MANIFEST_INVALID');
    const what = unsupported ? 'the registry holds a format that it no longer serves' : `status ${answer.status}`;
    throw new RegistryError(unsupported ? 'unsupported' : 'unreadable', what, url(), answer);
  }
  if (answer.body.length > LARGEST_MANIFEST_BYTES) {
    throw new RegistryError('unreadable', `a manifest of ${answer.body.length} bytes is too large`, url(), answer);
  }
  const manifest = readManifest(header(answer, 'content-type'), parseJson(answer.body));
  // The digest of a signed schema 1 manifest is that of its payload, which is not what the registry sends.
  const isVerifiable = manifest.kind !== 'schema1';
  const digest = digestOf(answer, reference, isVerifiable, url);
  if (manifest.kind === 'unsupported') throw new RegistryError('unsupported', manifest.reason, url(), answer);
  return { digest, sizeBytes: answer.body.length, manifest };
}

/** The digest that the registry names, or the one asked for, which has to be that of the bytes. */
function digestOf(answer: HttpAnswer, reference: string, isVerifiable: boolean, url: () => URL): Digest {
  const named = parseDigest(header(answer, 'docker-content-digest') ?? '');
  const asked = parseDigest(reference);
  const digest = asked ?? named ?? (`sha256:${hash('sha256', answer.body)}` as Digest);
  if (!isVerifiable) return digest;
  const [algorithm = '', encoded] = digest.split(':');
  const isKnown = algorithm === 'sha256' || algorithm === 'sha512';
  if (isKnown && hash(algorithm, answer.body) === encoded) return digest;
  throw new RegistryError(
    'unreadable',
    isKnown ? 'the bytes do not match their digest' : `no way to check a digest of ${algorithm}`,
    url(),
    answer,
  );
}

async function blobBytes(
  client: AuthorizedClient,
  repository: RepositoryName,
  digest: Digest,
  options: DistributionOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const path = `v2/${repository}/blobs/${digest}`;
  let answer = await client.send(repository, path, { method: 'HEAD', signal }).catch((error: unknown) => {
    if (error instanceof RegistryError && error.kind === 'forbidden') return undefined;
    throw error;
  });
  // A blob store's signed address may be for another method than HEAD (protocol trap of S3 and GCS): one byte tells the length too.
  if (answer === undefined || answer.status === 403 || answer.status === 405) {
    answer = await client.send(repository, path, { method: 'GET', headers: { range: 'bytes=0-0' }, signal });
  }
  if (answer.status === 404) return undefined;
  const total =
    answer.status === 206
      ? /\/(\d+)$/.exec(header(answer, 'content-range') ?? '')?.[1]
      : header(answer, 'content-length');
  if ((answer.status === 200 || answer.status === 206) && total !== undefined && /^\d+$/.test(total))
    return Number(total);
  return unreadable(`status ${answer.status} without a length`, path, options);
}

function unreadable(what: string, path: string, options: DistributionOptions): never {
  throw new RegistryError('unreadable', what, new URL(path, options.registryUrl));
}

const errorBody = z.object({ errors: z.array(z.object({ code: z.string() })) });

function errorCodes(answer: HttpAnswer): readonly string[] {
  return errorBody.safeParse(parseJson(answer.body)).data?.errors.map((error) => error.code) ?? [];
}

function header(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

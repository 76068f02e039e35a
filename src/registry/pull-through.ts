import { z } from 'zod';
import { type Digest, parseDigest, type RepositoryName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import type { PullThrough } from '../ports.ts';
import type { AuthorizedClient } from './auth/authorized-client.ts';
import { RegistryError } from './errors.ts';
import { header } from './transport/response-body.ts';
import type { HttpResponse } from './transport/send-once.ts';

export interface PullThroughOptions {
  /** Whether the registry is a pull-through cache; `auto` finds out. The default is `auto`. */
  readonly pullThroughCache?: 'auto' | 'yes' | 'no';
  /** If GitLab issues the tokens, the registry is no cache of another one, and is not asked. */
  readonly gitlabUrl?: string | undefined;
}

/** Finds out whether a registry is a pull-through cache: whether it stores what it reads from another registry on demand. */
export interface PullThroughDetector {
  /** Forgets what earlier responses have shown. */
  begin(): void;
  /** Returns what the configuration says, or what the responses since `begin` have shown. */
  state(): PullThrough;
  /** Returns a client that examines every response. */
  watch(client: AuthorizedClient): AuthorizedClient;
  /** Asks for a manifest that cannot exist. Returns whether there was an answer, so that another repository need not be asked. */
  probe(client: AuthorizedClient, repository: RepositoryName, accept: string, signal: AbortSignal): Promise<boolean>;
}

/** The digest of no content. A cache asks its upstream for it, and finds nothing to store. */
const ABSENT = `sha256:${'0'.repeat(64)}` as Digest;
const MOST_BYTES = 64 * 1024;

export function createPullThroughDetector(options: PullThroughOptions): PullThroughDetector {
  const { pullThroughCache = 'auto', gitlabUrl } = options;
  let isSeen = false;
  return {
    begin() {
      isSeen = false;
    },
    state() {
      if (pullThroughCache !== 'auto') return pullThroughCache;
      return isSeen ? 'yes' : 'unseen';
    },
    watch: (client) => ({
      ...client,
      async send(subject, path, request) {
        const response = await client.send(subject, path, request);
        isSeen ||= isPassedOn(response);
        return response;
      },
    }),
    async probe(client, repository, accept, signal) {
      if (pullThroughCache !== 'auto' || gitlabUrl !== undefined || isSeen) return true;
      const path = `v2/${repository}/manifests/${ABSENT}`;
      try {
        const response = await client.send(repository, path, {
          method: 'GET',
          headers: { accept },
          signal,
          mostBytes: MOST_BYTES,
        });
        isSeen ||= isUpstreamError(response);
        return true;
      } catch (error) {
        if (error instanceof RegistryError && error.kind !== 'unavailable') return false;
        throw error;
      }
    },
  };
}

/**
 * Returns whether the response comes from an upstream registry. Distribution's cache (for blobs) and Harbor's proxy projects write the digest as `ETag`
 * without quotation marks then; what is stored is served with them, and in ranges.
 */
function isPassedOn(response: HttpResponse): boolean {
  if (response.status !== 200 || response.headers['accept-ranges'] !== undefined) return false;
  return parseDigest(header(response, 'etag') ?? '') !== undefined;
}

const upstreamError = z.object({
  errors: z
    .array(
      z.object({
        code: z.literal('UNKNOWN'),
        detail: z.union([
          // Distribution 2: the error body of the upstream, or the failure of the request to it.
          z.object({ errors: z.array(z.object({ code: z.string() })).min(1) }),
          z.object({ Op: z.string(), URL: z.string().regex(/^https?:/) }),
          // Distribution 3, if the upstream does not answer.
          z.string().regex(/^(?:Get|Head) "https?:/),
        ]),
      }),
    )
    .min(1),
});

/** Returns whether a server error wraps the error of an upstream registry. Without an upstream, the answer is 404 and MANIFEST_UNKNOWN. */
function isUpstreamError(response: HttpResponse): boolean {
  return response.status >= 500 && upstreamError.safeParse(parseJson(response.body)).success;
}

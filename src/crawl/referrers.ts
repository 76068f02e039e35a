import type { Descriptor } from '../domain/manifest/manifest.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { ReferrersRecord } from '../domain/snapshot/repository-record.ts';
import { createSerialQueue } from '../lib/serial-queue.ts';
import type { ManifestCache, Registry, RegistryFailure } from '../ports.ts';
import { atRoot, below, isWithinBounds, type Place } from './bounds.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import { childManifests, type ManifestReader, manifestsIn } from './manifest-reader.ts';
import { forEachConcurrently, type WorkerPool } from './worker-pool.ts';

export interface ReferrersReader {
  /**
   * Asks for the referrers of every manifest that these roots reach in a repository. Returns a record for each that has some, or that could not be
   * asked.
   */
  read(repository: RepositoryName, roots: readonly Digest[]): Promise<readonly ReferrersRecord[]>;
  /** Returns why the registry lists no referrers at all, although it does not say that it cannot; undefined if it does list them, or says so. */
  refusal(): string | undefined;
}

/** After that many answers that are neither a list nor the statement that there is none, the registry has no referrers API. */
const MOST_ODD_ANSWERS = 3;

/** The referrers of a manifest; `null` if the question failed, undefined if the registry does not support it. */
type Referrers = readonly Descriptor[] | null | undefined;

interface Question {
  readonly digest: Digest;
  readonly place: Place;
  /** The answer, if this question was asked before. */
  readonly answer?: Promise<Referrers> | undefined;
}

/**
 * Reads the referrers of manifests (OCI distribution-spec, "Listing Referrers"). Asks in each repository that holds a manifest, because a registry
 * lists referrers by repository. The first questions also find out whether the registry supports the API: registries and proxies without it answer with
 * any status, or with a page of HTML. Until there was a list, such an answer says nothing about the manifest that was asked for.
 */
export function createReferrersReader(
  registry: Registry,
  cache: ManifestCache,
  reader: ManifestReader,
  pool: WorkerPool & { readonly signal: AbortSignal },
): ReferrersReader {
  const api = createApiProbe(registry, pool.signal);

  /** Asks for the referrers of one manifest, and returns the questions about its children and its referrers. */
  async function ask(repository: RepositoryName, question: Question, found: ReferrersRecord[]): Promise<Question[]> {
    const { digest, place, answer } = question;
    const stored = (await cache.manifests([digest])).get(digest);
    if (stored === undefined) return [];
    const answered = answer === undefined ? await api.list(repository, digest) : await answer;
    const listed = answered === undefined ? [] : answered;
    if (listed === null || listed.length > 0) found.push({ subject: digest, referrers: listed });
    place.root.nodesCount += 1 + (listed?.length ?? 0);
    const referrers = manifestsIn(listed ?? []);
    for (const referrer of referrers) await reader.readBelow(repository, referrer, below(place));
    return [...childManifests(stored.manifest), ...referrers].map((one) => ({ digest: one, place: below(place) }));
  }

  async function read(repository: RepositoryName, roots: readonly Digest[]): Promise<readonly ReferrersRecord[]> {
    const [root] = roots;
    if (root === undefined || api.state() === 'none') return [];
    const answer = api.state() === 'unknown' ? api.askFirst(repository, root) : undefined;
    if (answer !== undefined && (await answer) === undefined) return [];
    const found: ReferrersRecord[] = [];
    const asked = new Set<Digest>();
    // A referrer may have referrers of its own: repeat until there is nothing new.
    for (let level = toQuestions(roots, answer); level.length > 0; ) {
      const next: Question[] = [];
      await forEachConcurrently(level, pool, async (question) => {
        if (asked.has(question.digest)) return;
        asked.add(question.digest);
        if (isWithinBounds(question.place)) next.push(...(await ask(repository, question, found)));
        else found.push({ subject: question.digest, referrers: null });
      });
      level = next;
    }
    return found.sort((a, b) => byName(a.subject, b.subject));
  }

  return { read, refusal: api.refusal };
}

/** Finds out whether the registry has the referrers API. */
function createApiProbe(registry: Registry, signal: AbortSignal) {
  let state: 'unknown' | 'listed' | 'none' = 'unknown';
  let oddCount = 0;
  let refusal: string | undefined;
  const inOrder = createSerialQueue();

  const list = (repository: RepositoryName, digest: Digest): Promise<Referrers> =>
    registry.referrers(repository, digest, signal).catch((error: unknown) => {
      unlessUnavailable(error);
      refusal = (error as Partial<RegistryFailure>).reason;
      return null;
    });

  return {
    list,
    state: () => state,
    refusal: () => (state === 'listed' || oddCount === 0 ? undefined : refusal),
    /** Asks the first question of a repository; one repository after another, until the registry has answered one. */
    askFirst: (repository: RepositoryName, digest: Digest): Promise<Referrers> =>
      inOrder(async () => {
        if (state !== 'unknown') return state === 'none' ? undefined : list(repository, digest);
        const answer = await list(repository, digest);
        if (answer === undefined) state = 'none';
        else if (answer !== null) state = 'listed';
        else if (++oddCount >= MOST_ODD_ANSWERS) state = 'none';
        return answer ?? undefined;
      }),
  };
}

function toQuestions(roots: readonly Digest[], answerToFirst: Question['answer']): Question[] {
  return roots.map((digest, i) => ({ digest, place: atRoot(), answer: i === 0 ? answerToFirst : undefined }));
}

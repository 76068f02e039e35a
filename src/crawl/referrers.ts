import type { Descriptor } from '../domain/manifest/manifest.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { ReferrersRecord } from '../domain/snapshot/repository-record.ts';
import type { ManifestCache, Registry } from '../ports.ts';
import { atRoot, below, isWithinBounds, type Place } from './bounds.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import { childManifests, type ManifestReader, manifestsIn } from './manifest-reader.ts';
import { forEachConcurrently, type WorkerPool } from './worker-pool.ts';

/**
 * Asks for the referrers of every manifest that these roots reach in a repository. Returns a record for each that has some, or that could not be
 * asked.
 */
export type ReferrersReader = (
  repository: RepositoryName,
  roots: readonly Digest[],
) => Promise<readonly ReferrersRecord[]>;

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
 * lists referrers by repository. The first question also finds out whether the registry supports the API; if not, it is the only one.
 */
export function createReferrersReader(
  registry: Registry,
  cache: ManifestCache,
  reader: ManifestReader,
  pool: WorkerPool & { readonly signal: AbortSignal },
): ReferrersReader {
  let first: Promise<Referrers> | undefined;

  const list = (repository: RepositoryName, digest: Digest): Promise<Referrers> =>
    registry.referrers(repository, digest, pool.signal).catch((error: unknown) => {
      unlessUnavailable(error);
      return null;
    });

  /** Asks for the referrers of one manifest, and returns the questions about its children and its referrers. */
  async function ask(repository: RepositoryName, question: Question, found: ReferrersRecord[]): Promise<Question[]> {
    const { digest, place, answer } = question;
    const stored = (await cache.manifests([digest])).get(digest);
    if (stored === undefined) return [];
    const answered = answer === undefined ? await list(repository, digest) : await answer;
    const listed = answered === undefined ? [] : answered;
    if (listed === null || listed.length > 0) found.push({ subject: digest, referrers: listed });
    place.root.nodesCount += 1 + (listed?.length ?? 0);
    const referrers = manifestsIn(listed ?? []);
    for (const referrer of referrers) await reader.readBelow(repository, referrer, below(place));
    return [...childManifests(stored.manifest), ...referrers].map((one) => ({ digest: one, place: below(place) }));
  }

  return async (repository, roots) => {
    const [root] = roots;
    if (root === undefined) return [];
    const answer = first === undefined ? list(repository, root) : undefined;
    first ??= answer;
    if ((await first) === undefined) return [];
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
  };
}

function toQuestions(roots: readonly Digest[], answerToFirst: Question['answer']): Question[] {
  return roots.map((digest, i) => ({ digest, place: atRoot(), answer: i === 0 ? answerToFirst : undefined }));
}

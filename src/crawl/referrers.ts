import type { Descriptor } from '../domain/manifest/manifest.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { ReferrersReading } from '../domain/snapshot/repository-record.ts';
import type { Catalogue, Registry } from '../ports.ts';
import { atRoot, below, isWithinBounds, type Place } from './bounds.ts';
import { unlessUnavailable } from './gap-from-error.ts';
import { childManifests, manifestsIn, type Reader } from './manifest-reader.ts';
import { forEachLimited, type Workers } from './worker-pool.ts';

/** Asks what refers to each manifest that these roots reach in a repository. */
export type ReferrersReader = (
  repository: RepositoryName,
  roots: readonly Digest[],
) => Promise<readonly ReferrersReading[]>;

/** What refers to a manifest; `null` where that is not to be had, undefined where the registry keeps no such list. */
type CollectionContext = readonly Descriptor[] | null;

interface Question {
  readonly digest: Digest;
  readonly place: Place;
  /** Of one that was asked already. */
  readonly answer?: Promise<CollectionContext | undefined> | undefined;
}

/**
 * What refers to a manifest (OCI distribution-spec, "Listing Referrers"), in each of the repositories that hold it, since a registry lists
 * referrers by repository. A registry that does not know how is asked once.
 */
export function createReferrersReader(
  registry: Registry,
  catalogue: Catalogue,
  reader: Reader,
  workers: Workers & { readonly signal: AbortSignal },
): ReferrersReader {
  /** Whatever the first answer is, it tells whether there are answers. */
  let first: Promise<CollectionContext | undefined> | undefined;

  const list = (repository: RepositoryName, digest: Digest): Promise<CollectionContext | undefined> =>
    registry.referrers(repository, digest, workers.signal).catch((error: unknown) => {
      unlessUnavailable(error);
      return null;
    });

  /** What hangs below and on a manifest, to be asked about in turn. */
  async function ask(repository: RepositoryName, question: Question, found: ReferrersReading[]): Promise<Question[]> {
    const { digest, place, answer } = question;
    const stored = (await catalogue.manifests([digest])).get(digest);
    if (stored === undefined) return [];
    const said = answer === undefined ? await list(repository, digest) : await answer;
    const listed = said === undefined ? [] : said;
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
    const found: ReferrersReading[] = [];
    const asked = new Set<Digest>();
    // What refers to something may be referred to itself: again, until nothing new comes up.
    for (let level = toQuestions(roots, answer); level.length > 0; ) {
      const next: Question[] = [];
      await forEachLimited(level, workers, async (question) => {
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

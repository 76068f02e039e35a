/** The garbage collectors whose rules the service knows, by their names in the configuration and the API. */
export const ENGINES = [
  'distribution-2',
  'distribution-3',
  'distribution-keep-untagged',
  'gitlab-filesystem',
  'gitlab-database',
  'zot',
  'zot-delete-referrers',
  'harbor',
  'unknown',
] as const;

export type Engine = (typeof ENGINES)[number];

/** The garbage collector that the figures are computed for, and why. */
export interface AssumedCollector {
  readonly engine: Engine;
  /** For people. */
  readonly reason: string;
}

/** What a garbage collector keeps. Every collector keeps the manifests that tags point at, and everything that those contain. */
export interface GarbageCollector {
  /**
   * Whether nothing, the subject, or the repository keeps a referrer without a tag, the latter even if the subject is gone. Only referrers that the
   * registry lists are known.
   */
  readonly untaggedReferrers: 'collected' | 'kept with the subject' | 'kept with the repository';
  /** Whether a referrer that is kept also keeps its subject. */
  readonly referrersKeepSubjects: boolean;
  /** Whether a referrer with a tag is deleted, tag included, when its subject is. */
  readonly subjectsTakeTaggedReferrers: boolean;
  /** What the collector destroys although a tag contains it. The figures count it as kept, because a loss is no gain. */
  readonly destroys: 'nothing' | 'untagged children of indexes' | 'untagged grandchildren of indexes';
  /** Whether manifests are rows of a database instead of blobs. */
  readonly storesManifestsInDatabase: boolean;
}

const CONTAINED_ONLY: GarbageCollector = {
  untaggedReferrers: 'collected',
  referrersKeepSubjects: false,
  subjectsTakeTaggedReferrers: false,
  destroys: 'nothing',
  storesManifestsInDatabase: false,
};

/* Seen in the sources of the registries, and in runs of their collectors:
 *
 * - Distribution ignores `subject`. Version 2 follows an index to its children only to mark them as referenced, and then deletes those without a tag.
 * - GitLab's collector for file systems follows one level of children. The one for its database keeps the subject of a live referrer.
 * - zot keeps every referrer by default. With `deleteReferrers`, a referrer goes with its subject, whether it has a tag or not.
 * - Harbor deletes the accessories of an artifact together with it.
 *
 * Without `-m`, Distribution also keeps untagged manifests, which no client can list: the figures of `distribution-keep-untagged` are upper bounds. An
 * unknown collector is counted as that of Distribution 3. */
export const GARBAGE_COLLECTORS: Readonly<Record<Engine, GarbageCollector>> = {
  'distribution-2': { ...CONTAINED_ONLY, destroys: 'untagged children of indexes' },
  'distribution-3': CONTAINED_ONLY,
  'distribution-keep-untagged': CONTAINED_ONLY,
  'gitlab-filesystem': { ...CONTAINED_ONLY, destroys: 'untagged grandchildren of indexes' },
  'gitlab-database': { ...CONTAINED_ONLY, referrersKeepSubjects: true, storesManifestsInDatabase: true },
  zot: { ...CONTAINED_ONLY, untaggedReferrers: 'kept with the repository' },
  'zot-delete-referrers': {
    ...CONTAINED_ONLY,
    untaggedReferrers: 'kept with the subject',
    subjectsTakeTaggedReferrers: true,
  },
  harbor: { ...CONTAINED_ONLY, untaggedReferrers: 'kept with the subject' },
  unknown: CONTAINED_ONLY,
};

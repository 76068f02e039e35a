import type { BlobGraph } from '../graph/graph.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import type { Digest, RepositoryName, TagName } from '../names.ts';
import type { AssumedCollector } from '../usage/garbage-collector.ts';
import type { Hazard } from '../usage/hazard.ts';
import type { Usage } from '../usage/usage.ts';
import type { KindUsage } from '../usage/usage-by-kind.ts';

/** The figures of one crawl. All lists are sorted by name, not by the order of reading. Times are milliseconds since the epoch. */
export interface Snapshot {
  /** Identifies the snapshot in URLs. */
  readonly id: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The figures of the whole registry. */
  readonly figures: Figures;
  /** The garbage collector that the figures are computed for. */
  readonly garbageCollector: AssumedCollector;
  readonly hazard: Hazard | undefined;
  /** The number of configs of images that are not read yet. Until then, their creation times and platforms are unknown; no figure depends on them. */
  readonly configsPending: number;
  readonly kinds: readonly KindUsage[];
  readonly namespaces: readonly NamespaceUsage[];
  readonly repositories: readonly RepositoryUsage[];
  /** What could not be read, and why. A snapshot without gaps is complete. */
  readonly gaps: readonly Gap[];
  /** When the registry was last seen to be a pull-through cache, which may not store what it names; absent if it is not known to be one. */
  readonly pulledThroughAt?: number;
  readonly contents: Contents;
}

/** The size of a node (see usage.ts). `null` is unknown: nothing of the node could be read. If it is not complete, the figures are lower bounds. */
export interface Figures {
  readonly sizeBytes: number | null;
  readonly diskSizeBytes: number | null;
  readonly deduplicatedBytes: number | null;
  readonly reclaimableBytes: number | null;
  readonly metadataBytes: number | null;
  /** The part of `deduplicatedBytes` that is rows of a database; null also if the garbage collector is unknown. */
  readonly databaseBytes: number | null;
  readonly tagsCount: number;
  readonly isComplete: boolean;
}

/** A GitLab group or project: a path that repository names start with. */
export interface NamespaceUsage extends Figures {
  readonly path: string;
  /** The path of the namespace that contains this one; undefined at the top. */
  readonly namespace: string | undefined;
}

export interface RepositoryUsage extends Figures {
  readonly name: RepositoryName;
  readonly namespace: string | undefined;
  readonly tags: readonly TagFigures[];
  /** When the repository was read, if this crawl could not read it and the figures are those of an earlier one; otherwise null. */
  readonly staleSince: number | null;
}

/** The blobs, and the tags that reach them. The position of a tag is its index in the list of all tags of all repositories, in order. */
export interface Contents {
  readonly graph: BlobGraph;
  /** By position: the node that the tag points at, or NO_ROOT. */
  readonly roots: Int32Array;
  readonly usage: Pick<
    Usage,
    'kept' | 'keptByRepository' | 'keepers' | 'isTagLayer' | 'tagsReaching' | 'repositoriesReaching' | 'jointDeletions'
  >;
  /** By position: the index of the repository. */
  readonly repositoryOf: Uint32Array;
  /** The manifests that only belong to other ones (usage-by-kind.ts). */
  readonly accessories: ReadonlySet<number>;
}

/**
 * - ok: everything could be read
 * - incomplete: a blob that the tag reaches is not stored or could not be read, so the figures are lower bounds
 * - broken: the registry lists the tag, but its manifest is missing or unreadable
 * - unsupported: the manifest has an unknown format
 */
export type TagStatus = 'ok' | 'incomplete' | 'broken' | 'unsupported';

/** A tag. Its figures are numbers if `status` is ok or incomplete, and null otherwise. */
export interface TagFigures extends Figures {
  readonly name: TagName;
  readonly status: TagStatus;
  readonly manifest: TagManifest | null;
  /** When the tag or its digest was last pulled; null if no notification reported it. */
  readonly lastPulledAt: number | null;
  /** Undefined if the registry states no times of the tag. */
  readonly times?: TagTimes | undefined;
}

/**
 * What the registry states about a tag itself, not about its image: GitLab's registry with a metadata database does. Milliseconds since the epoch, each
 * undefined if it is not stated.
 */
export interface TagTimes {
  /** When the tag was first pushed, or imported into the database. */
  readonly createdAt: number | undefined;
  /** When the tag was last pushed with another manifest. */
  readonly updatedAt: number | undefined;
  /** When the tag was last pushed. */
  readonly publishedAt: number | undefined;
}

/** The manifest that a tag points at. */
export interface TagManifest {
  readonly digest: Digest;
  /** '' if there is none. */
  readonly mediaType: string;
  readonly kind: Kind;
  /** The manifest that an accessory belongs to. */
  readonly subject: Digest | undefined;
  readonly platforms: readonly string[] | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | null;
  /** Distinct layers. */
  readonly layersCount: number;
}

/** Something that a crawl could not read. `reason` is a text for people and contains no secret. */
export interface Gap {
  /** As the registry lists it: the gap may be that the name is not legal. `null` if the gap concerns the registry or its list of repositories. */
  readonly repository: string | null;
  /** The tag or digest; absent if the gap concerns the whole repository. */
  readonly reference?: TagName | Digest;
  readonly code: GapCode;
  readonly reason: string;
  /** The request that failed; absent if the gap is not the result of one request. */
  readonly request?: FailedRequest;
  /** Of a repository that keeps the figures of an earlier crawl: when that crawl read it. */
  readonly staleSince?: number;
}

/** A request that a registry, token service or GitLab refused or did not answer. It contains no secret and no host name. */
export interface FailedRequest {
  readonly method: string;
  /** The path of the URL, without its query. */
  readonly path: string;
  /** The HTTP status; null if there was no response. */
  readonly status: number | null;
  /** The server's own error code and message, cut to 64 and 300 characters; null if the response contained none. */
  readonly registryCode: string | null;
  readonly registryMessage: string | null;
}

export type GapCode = 'forbidden' | 'missing' | 'unsupported' | 'unreadable' | 'unverified';

import type { BlobGraph } from '../graph/graph.ts';
import type { Kind } from '../manifest/manifest-kind.ts';
import type { Digest, RepositoryName, TagName } from '../names.ts';
import type { Usage } from '../usage/usage.ts';
import type { KindUsage } from '../usage/usage-by-kind.ts';

/** What one collection found, counted. Sorted by name throughout, so that arrival order cannot show. Times are milliseconds since the epoch. */
export interface Snapshot {
  /** Names the snapshot in URLs. */
  readonly id: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** Of the whole registry. */
  readonly figures: Figures;
  readonly kinds: readonly KindUsage[];
  readonly namespaces: readonly NamespaceUsage[];
  readonly repositories: readonly RepositoryUsage[];
  /** What could not be read, and why. A snapshot without gaps is complete. */
  readonly gaps: readonly Gap[];
  readonly contents: Contents;
}

/** How big a node is (see usage.ts). `null` is unknown: nothing of it could be read. Not complete: the figures are lower bounds. */
export interface Figures {
  readonly sizeBytes: number | null;
  readonly diskSizeBytes: number | null;
  readonly deduplicatedBytes: number | null;
  readonly reclaimableBytes: number | null;
  readonly metadataBytes: number | null;
  readonly tagsCount: number;
  readonly isComplete: boolean;
}

/** A GitLab group or project: a path that repositories' names go on from. */
export interface NamespaceUsage extends Figures {
  readonly path: string;
  /** The path of the namespace around it; undefined at the top. */
  readonly namespace: string | undefined;
}

export interface RepositoryUsage extends Figures {
  readonly name: RepositoryName;
  readonly namespace: string | undefined;
  readonly tags: readonly TagFigures[];
  /** When it was read, where the collection could not read it, and these are the figures of an earlier one. */
  readonly staleSince: number | null;
}

/** The blobs, and the tags that reach them. The position of a tag counts through all repositories in their order. */
export interface Contents {
  readonly graph: BlobGraph;
  /** By position: the node that the tag points at, or NO_ROOT. */
  readonly roots: Int32Array;
  readonly usage: Pick<Usage, 'reach' | 'tagsReaching' | 'repositoriesReaching'>;
  /** By position: the repository's place among the repositories. */
  readonly repositoryOf: Uint32Array;
  /** What is there for something else only (kinds.ts). */
  readonly accessories: ReadonlySet<number>;
}

/**
 * ok; incomplete: something that it names is not stored or could not be read, the figures are lower bounds;
 * broken: listed, but its manifest is missing or unreadable; unsupported: its format is not understood.
 */
export type TagStatus = 'ok' | 'incomplete' | 'broken' | 'unsupported';

/** One tag: numbers where `status` is ok or incomplete, `null` otherwise. */
export interface TagFigures extends Figures {
  readonly name: TagName;
  readonly status: TagStatus;
  readonly manifest: TagManifest | null;
  /** When the tag, or what it points at, was pulled last; null where nobody told. */
  readonly lastPulledAt: number | null;
}

/** What a tag points at. */
export interface TagManifest {
  readonly digest: Digest;
  /** '' where nobody names one. */
  readonly mediaType: string;
  readonly kind: Kind;
  /** Of an accessory: what it belongs to. */
  readonly subject: Digest | undefined;
  readonly platforms: readonly string[] | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | null;
  /** Distinct layers. */
  readonly layersCount: number;
}

/** One thing that a collection could not read. `reason` is for people and holds no secret. */
export interface Gap {
  /** As the registry writes it: it may be no legal name, and that the gap. */
  readonly repository: string;
  /** The tag or digest; absent where the gap is the repository's own. */
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

export type GapCode = 'forbidden' | 'missing' | 'unsupported' | 'unreadable';

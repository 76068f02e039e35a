/* The slow, obvious twin of usage.ts: sets and nested loops, straight from the definitions, without shared code. */

export interface NaiveBlob {
  /** Undefined if the blob is named but not stored. */
  readonly bytes: number | undefined;
  readonly isLayer: boolean;
  readonly children: readonly string[];
}

export interface NaiveTag {
  readonly repository: string;
  readonly name: string;
  /** Undefined if its manifest cannot be read. */
  readonly root: string | undefined;
}

export interface NaiveFigures {
  readonly size: number;
  readonly diskSize: number;
  readonly deduplicated: number;
  readonly reclaimable: number;
  readonly metadata: number;
  readonly tags: number;
  readonly known: number;
  readonly incomplete: number;
}

type Blobs = ReadonlyMap<string, NaiveBlob>;

/** Returns the figures of a set of tags, given all tags of the registry. */
export function naiveFigures(blobs: Blobs, all: readonly NaiveTag[], set: readonly NaiveTag[]): NaiveFigures {
  const reached = union(blobs, set);
  const elsewhere = union(
    blobs,
    all.filter((tag) => !set.includes(tag)),
  );
  const sum = (digests: Iterable<string>): number =>
    [...digests].reduce((total, digest) => total + (blobs.get(digest)?.bytes ?? 0), 0);
  return {
    size: set.reduce((total, tag) => total + sum(layersOf(blobs, tag)), 0),
    diskSize: set.reduce((total, tag) => total + sum(ownedBy(blobs, all, tag)), 0),
    deduplicated: sum(reached),
    reclaimable: sum([...reached].filter((digest) => !elsewhere.has(digest))),
    metadata: sum([...reached].filter((digest) => !blobs.get(digest)?.isLayer)),
    tags: set.length,
    known: set.filter(({ root }) => root !== undefined).length,
    incomplete: set.filter((tag) => [...reach(blobs, tag.root)].some((d) => blobs.get(d)?.bytes === undefined)).length,
  };
}

function reach(blobs: Blobs, root: string | undefined): ReadonlySet<string> {
  const reached = new Set<string>(root === undefined ? [] : [root]);
  for (const digest of reached) for (const child of blobs.get(digest)?.children ?? []) reached.add(child);
  return reached;
}

function union(blobs: Blobs, tags: readonly NaiveTag[]): ReadonlySet<string> {
  return new Set(tags.flatMap((tag) => [...reach(blobs, tag.root)]));
}

function layersOf(blobs: Blobs, tag: NaiveTag): readonly string[] {
  return [...reach(blobs, tag.root)].filter((digest) => blobs.get(digest)?.isLayer);
}

/** Returns the layers that the tag owns: no other tag with the layer has fewer layers, or as many and a smaller name. */
function ownedBy(blobs: Blobs, all: readonly NaiveTag[], tag: NaiveTag): readonly string[] {
  return layersOf(blobs, tag).filter((digest) => {
    const holders = all.filter((other) => layersOf(blobs, other).includes(digest));
    const count = (one: NaiveTag): number => layersOf(blobs, one).length;
    const isBefore = (one: NaiveTag, other: NaiveTag): boolean =>
      one.repository === other.repository ? one.name < other.name : one.repository < other.repository;
    holders.sort((a, b) => count(a) - count(b) || (isBefore(a, b) ? -1 : 1));
    return holders[0] === tag;
  });
}

import { isReadManifest, ownKindOf } from '../graph/blob-facts.ts';
import { type BlobGraph, childrenOf, subjectOf } from '../graph/graph.ts';
import { type Kind, subjectNamedBy } from '../manifest/manifest-kind.ts';
import type { Digest, TagName } from '../names.ts';

/**
 * The tags and bytes of one kind. Every blob that is kept belongs to one kind, so that the kinds add up to the registry's deduplicated bytes.
 */
export interface KindUsage {
  readonly kind: Kind;
  readonly tagsCount: number;
  readonly bytes: number;
}

/**
 * A blob of several kinds belongs to the first of them: the layer of an image belongs to the image, even if other manifests name it. Artifacts come
 * between the two lists.
 */
const ORDER: readonly Kind[] = ['image', 'index'];
const LAST: readonly Kind[] = ['build-cache', 'attestation', 'accessory'];

/** Returns the kind of a manifest, taking into account what points at it; undefined if the node is not a manifest that was read. */
export function kindOfNode(graph: BlobGraph, accessories: ReadonlySet<number>, node: number): Kind | undefined {
  const kind = ownKindOf(graph, node);
  if (kind === undefined) return undefined;
  if (accessories.has(node)) return 'accessory';
  return graph.isAttestation[node] === 1 ? 'attestation' : kind;
}

/** Returns the digest that a tag is an accessory of, by its name and its manifest; undefined for every other tag. */
export function subjectOfTag(graph: BlobGraph, tag: TagName, root: number): Digest | undefined {
  const named = subjectNamedBy(tag);
  if (named === undefined) return undefined;
  return !named.isFallback || listsReferrersOf(graph, root, named.digest) ? named.digest : undefined;
}

function listsReferrersOf(graph: BlobGraph, root: number, subject: Digest): boolean {
  if (ownKindOf(graph, root) !== 'index') return false;
  // A child that is not stored does not disprove it.
  return childrenOf(graph, root).every((child) => !isReadManifest(graph, child) || subjectOf(graph, child) === subject);
}

/**
 * Returns the manifests that tags of accessories point at, and all manifests below them, except those that an ordinary tag points at, too: the
 * manifests that only belong to other ones.
 */
export function accessoryManifests(
  graph: BlobGraph,
  tags: readonly { readonly root: number; readonly isAccessory: boolean }[],
): ReadonlySet<number> {
  const isOrdinary = new Uint8Array(graph.bytes.length);
  for (const { root, isAccessory } of tags) if (!isAccessory) isOrdinary[root] = 1;
  const isOnlyAccessory = (node: number): boolean => isReadManifest(graph, node) && isOrdinary[node] === 0;
  const found = new Set<number>();
  for (const { root, isAccessory } of tags) if (isAccessory && isOnlyAccessory(root)) found.add(root);
  for (const node of found) {
    for (const child of childrenOf(graph, node)) if (isOnlyAccessory(child)) found.add(child);
  }
  return found;
}

/** Sums up by kind the blobs that are kept. A manifest, its config and its layers are of the manifest's kind. */
export function sumByKind(
  graph: BlobGraph,
  repositoriesReaching: Uint32Array,
  accessories: ReadonlySet<number>,
  tagKinds: readonly (Kind | null)[],
): readonly KindUsage[] {
  const kinds = new Set<Kind>([...ORDER, ...LAST, ...graph.kinds.flatMap((kind) => kind || [])]);
  const sums = [...kinds].sort(compareKinds).map((kind) => ({ kind, tagsCount: 0, bytes: 0, isFound: false }));
  const placeOf = new Map<string, number>(sums.map(({ kind }, place) => [kind, place]));
  const claims = claimBlobs(graph, repositoriesReaching, (node) =>
    placeOf.get(kindOfNode(graph, accessories, node) ?? ''),
  );
  for (let blob = 0; blob < claims.length; blob++) {
    const sum = claims[blob] === UNCLAIMED ? undefined : sums[claims[blob] ?? 0];
    if (sum === undefined) continue;
    sum.bytes += graph.bytes[blob] || 0; // NaN is unknown
    sum.isFound = true;
  }
  for (const kind of tagKinds) {
    const sum = kind === null ? undefined : sums[placeOf.get(kind) ?? 0];
    if (sum === undefined) continue;
    sum.tagsCount++;
    sum.isFound = true;
  }
  return sums
    .filter(({ isFound }) => isFound)
    .map(({ kind, tagsCount, bytes }) => ({ kind, tagsCount, bytes }))
    .sort((a, b) => b.bytes - a.bytes || compareKinds(a.kind, b.kind));
}

const UNCLAIMED = 2 ** 32 - 1;

/** Returns, by blob, the smallest place among the kept manifests that are the blob or list it. */
function claimBlobs(
  graph: BlobGraph,
  repositoriesReaching: Uint32Array,
  placeOf: (manifest: number) => number | undefined,
): Uint32Array {
  const claims = new Uint32Array(graph.bytes.length).fill(UNCLAIMED);
  for (let node = 0; node < claims.length; node++) {
    if (!isReadManifest(graph, node) || repositoriesReaching[node] === 0) continue;
    const place = placeOf(node) ?? UNCLAIMED;
    claims[node] = place;
    for (let edge = graph.childStart[node] ?? 0, end = graph.childStart[node + 1] ?? 0; edge < end; edge++) {
      const child = graph.children[edge] ?? 0;
      if (!isReadManifest(graph, child)) claims[child] = Math.min(claims[child] ?? UNCLAIMED, place);
    }
  }
  return claims;
}

function compareKinds(a: Kind, b: Kind): number {
  return rankOf(a) - rankOf(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function rankOf(kind: Kind): number {
  const early = ORDER.indexOf(kind);
  if (early !== -1) return early;
  return ORDER.length + 1 + LAST.indexOf(kind);
}

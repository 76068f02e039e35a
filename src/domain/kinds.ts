import type { BlobGraph } from './graph.ts';
import { type Kind, subjectNamedBy } from './kind.ts';
import type { Digest, TagName } from './names.ts';

/** Bytes of one kind. Every blob that a tag reaches counts to one kind, so that the kinds add up to the deduplicated bytes of the registry. */
export interface KindUsage {
  readonly kind: Kind;
  readonly tagsCount: number;
  readonly bytes: number;
}

/** What is of several kinds is of the first of these: an image's layer stays an image's, whatever else names it. Artifacts follow the index. */
const ORDER: readonly Kind[] = ['image', 'index'];
const LAST: readonly Kind[] = ['build-cache', 'attestation', 'accessory'];

/** The kind of a manifest, in the light of what points at it. */
export function kindOfNode(graph: BlobGraph, accessories: ReadonlySet<number>, node: number): Kind | undefined {
  const facts = graph.manifests.get(node);
  if (facts === undefined) return undefined;
  if (accessories.has(node)) return 'accessory';
  return graph.isAttestation[node] === 1 ? 'attestation' : facts.kind;
}

/** The digest that a tag is an accessory of, by its name and what it points at; undefined for every other tag. */
export function subjectOfTag(graph: BlobGraph, tag: TagName, root: number): Digest | undefined {
  const named = subjectNamedBy(tag);
  if (named === undefined) return undefined;
  return !named.isFallback || listsReferrersOf(graph, root, named.digest) ? named.digest : undefined;
}

function listsReferrersOf(graph: BlobGraph, root: number, subject: Digest): boolean {
  if (graph.manifests.get(root)?.kind !== 'index') return false;
  return childrenOf(graph, root).every((child) => {
    const facts = graph.manifests.get(child);
    return facts === undefined || facts.subject === subject; // what is not stored proves nothing else
  });
}

/**
 * What tags of accessories point at, and what hangs below it: the manifests that are there for something else only. What an ordinary tag
 * points at too is none of them.
 */
export function accessoryManifests(
  graph: BlobGraph,
  tags: readonly { readonly root: number; readonly isAccessory: boolean }[],
): ReadonlySet<number> {
  const ordinary = new Set(tags.flatMap(({ root, isAccessory }) => (isAccessory ? [] : root)));
  const isOnlyThat = (node: number): boolean => graph.manifests.has(node) && !ordinary.has(node);
  const found = new Set(tags.flatMap(({ root, isAccessory }) => (isAccessory && isOnlyThat(root) ? root : [])));
  for (const node of found) {
    for (const child of childrenOf(graph, node)) if (isOnlyThat(child)) found.add(child);
  }
  return found;
}

/** Sums the blobs that tags reach by kind: a manifest, and the config and layers right below it, are of the manifest's kind. */
export function sumByKind(
  graph: BlobGraph,
  tagsReaching: Uint32Array,
  accessories: ReadonlySet<number>,
  tagKinds: readonly (Kind | null)[],
): readonly KindUsage[] {
  const kindOf = new Map<number, Kind>();
  const claim = (blob: number, kind: Kind): void => {
    const before = kindOf.get(blob);
    if (before === undefined || compareKinds(kind, before) < 0) kindOf.set(blob, kind);
  };
  for (const node of graph.manifests.keys()) {
    const kind = kindOfNode(graph, accessories, node);
    if (kind === undefined || tagsReaching[node] === 0) continue;
    claim(node, kind);
    for (const child of childrenOf(graph, node)) if (!graph.manifests.has(child)) claim(child, kind);
  }
  const sums = new Map<Kind, { tagsCount: number; bytes: number }>();
  const sumOf = (kind: Kind): { tagsCount: number; bytes: number } => {
    const sum = sums.get(kind) ?? { tagsCount: 0, bytes: 0 };
    sums.set(kind, sum);
    return sum;
  };
  for (const [blob, kind] of kindOf) sumOf(kind).bytes += graph.bytes[blob] || 0; // NaN is unknown
  for (const kind of tagKinds) if (kind !== null) sumOf(kind).tagsCount++;
  return [...sums]
    .map(([kind, sum]) => ({ kind, ...sum }))
    .sort((a, b) => b.bytes - a.bytes || compareKinds(a.kind, b.kind));
}

function childrenOf(graph: BlobGraph, node: number): Uint32Array {
  return graph.children.subarray(graph.childStart[node], graph.childStart[node + 1]);
}

function compareKinds(a: Kind, b: Kind): number {
  return rankOf(a) - rankOf(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function rankOf(kind: Kind): number {
  const early = ORDER.indexOf(kind);
  if (early !== -1) return early;
  return ORDER.length + 1 + LAST.indexOf(kind);
}

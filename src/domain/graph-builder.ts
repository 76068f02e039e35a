import { assertNever } from './assert-never.ts';
import type { BlobGraph, ManifestFacts } from './graph.ts';
import { kindOf } from './kind.ts';
import type { Descriptor, Manifest } from './manifest.ts';
import { isForeignLayerType, isImageConfigType, isLayerType, isManifestChildType } from './media-types.ts';
import type { Digest } from './names.ts';

const UNREAD = -1;

/** Collects manifests in any order of arrival; the graph that comes out does not depend on it but for the numbering. */
export class GraphBuilder {
  readonly #numbers = new Map<Digest, number>();
  readonly #bytes: number[] = [];
  readonly #isLayer: number[] = [];
  readonly #isManifest: number[] = [];
  /** Where in `#edges` the children of a manifest begin; UNREAD for one that was not read, and for every leaf. */
  readonly #firstEdge: number[] = [];
  readonly #edgesCount: number[] = [];
  readonly #edges: number[] = [];
  /** Blobs that descriptors disagree on, or call foreign: the registry has the last word. */
  readonly #disputed = new Set<number>();
  /** Blobs that every descriptor with a size calls foreign: one that is not stored counts 0, and nothing is missing. */
  readonly #isForeign = new Set<number>();
  /** What the registry said of such blobs: their bytes, or undefined where it does not store them. */
  readonly #settled = new Map<number, number | undefined>();
  readonly #isAttestation = new Set<number>();
  readonly #isPartial = new Set<number>();
  readonly #mediaTypes: string[] = [''];
  readonly #mediaTypeNumbers = new Map<string, number>([['', 0]]);
  readonly #mediaTypeOf: number[] = [];
  readonly #configs = new Map<Digest, any>();
  addImageConfig(digest: Digest, config: any): void {
    this.#configs.set(digest, config);
  }
  readonly #manifests = new Map<number, ManifestFacts>();
  /** What refers to a manifest, where the registry can tell: it hangs under its subject. */
  readonly #referrers = new Map<number, Set<number>>();
  /** The graph as it was last asked for; undefined since something was added. */
  #built: BlobGraph | undefined;

  /** The node of that digest; a new one has no bytes and no children. */
  node(digest: Digest): number {
    const known = this.#numbers.get(digest);
    if (known !== undefined) return known;
    const node = this.#numbers.size;
    this.#built = undefined;
    this.#numbers.set(digest, node);
    this.#bytes.push(Number.NaN);
    this.#isLayer.push(0);
    this.#isManifest.push(0);
    this.#firstEdge.push(UNREAD);
    this.#edgesCount.push(0);
    this.#mediaTypeOf.push(0);
    return node;
  }

  /** Whether the manifest of that digest was read, so that nobody needs to ask for it again. */
  isRead(digest: Digest): boolean {
    return this.#hasChildren(this.#numbers.get(digest));
  }

  /** Records a manifest as read. `sizeBytes` is the length of its body as served. */
  addManifest(digest: Digest, sizeBytes: number, manifest: Manifest): number {
    const node = this.node(digest);
    if (this.#hasChildren(node)) return node; // what a digest names never changes
    this.#built = undefined;
    this.#isManifest[node] = 1;
    this.#bytes[node] = sizeBytes;
    this.#disputed.delete(node);
    this.#mediaTypeOf[node] = this.#mediaType(manifest.mediaType ?? '');
    const platforms = new Map<number, string[]>();
    const children = new Set(this.#childrenIn(manifest, platforms));
    this.#firstEdge[node] = this.#edges.length;
    this.#edgesCount[node] = children.size;
    for (const child of children) this.#edges.push(child);
    this.#manifests.set(node, factsOf(manifest, platforms));
    return node;
  }

  /** Hangs what refers to a manifest under it. */
  addReferrer(subject: Digest, referrer: Descriptor): void {
    const node = this.node(subject);
    this.#built = undefined;
    const referrers = this.#referrers.get(node) ?? new Set();
    this.#referrers.set(node, referrers.add(this.#addChild(referrer)));
  }

  /** Says of a manifest that what hangs under it could not all be had: whoever reaches it is incomplete. */
  markPartial(digest: Digest): void {
    this.#built = undefined;
    this.#isPartial.add(this.node(digest));
  }

  /** Whether only the registry can tell the blob's bytes: no descriptor does, several differ, or it is foreign and may be stored or not. */
  isUnsized(digest: Digest): boolean {
    const node = this.#numbers.get(digest);
    if (node === undefined || this.#isUnread(node)) return false;
    return !this.#settled.has(node) && Number.isNaN(this.#bytesOf(node));
  }

  /** Settles a size by the registry's own word: the bytes that it stores, or undefined where it does not store the blob. */
  settle(digest: Digest, storedBytes: number | undefined): void {
    this.#built = undefined;
    this.#settled.set(this.node(digest), storedBytes);
  }

  /** The graph of all that was added. What was named and never read, or never sized, is missing in it. */
  build(): BlobGraph {
    this.#built ??= this.#assemble();
    return this.#built;
  }

  #assemble(): BlobGraph {
    const nodesCount = this.#numbers.size;
    const isMissing = new Uint8Array(nodesCount);
    const bytes = new Float64Array(nodesCount);
    for (let node = 0; node < nodesCount; node++) {
      const known = this.#bytesOf(node);
      bytes[node] = known;
      if (Number.isNaN(known)) isMissing[node] = 1;
    }
    for (const node of this.#isPartial) isMissing[node] = 1;
    const isAttestation = new Uint8Array(nodesCount);
    for (const node of this.#isAttestation) isAttestation[node] = 1;
    return {
      // A Map keeps the order of insertion, which is the nodes' own.
      digests: [...this.#numbers.keys()],
      bytes,
      isLayer: Uint8Array.from(this.#isLayer),
      isMissing,
      isAttestation,
      mediaTypes: [...this.#mediaTypes],
      mediaTypeOf: Uint32Array.from(this.#mediaTypeOf),
      manifests: this.#manifests,
      configs: this.#configs,
      ...this.#buildEdges(),
    };
  }

  #buildEdges(): Pick<BlobGraph, 'childStart' | 'children'> {
    const nodesCount = this.#numbers.size;
    const referrersCount = [...this.#referrers.values()].reduce((sum, { size }) => sum + size, 0);
    const childStart = new Uint32Array(nodesCount + 1);
    const children = new Uint32Array(this.#edges.length + referrersCount);
    for (let node = 0, at = 0; node < nodesCount; node++) {
      const first = this.#firstEdge[node] ?? UNREAD;
      for (let edge = 0; edge < (this.#edgesCount[node] ?? 0); edge++) children[at++] = this.#edges[first + edge] ?? 0;
      for (const referrer of this.#referrers.get(node) ?? []) children[at++] = referrer;
      childStart[node + 1] = at;
    }
    return { childStart, children };
  }

  #hasChildren(node: number | undefined): boolean {
    return node !== undefined && this.#firstEdge[node] !== UNREAD;
  }

  #mediaType(mediaType: string): number {
    const known = this.#mediaTypeNumbers.get(mediaType);
    if (known !== undefined) return known;
    this.#mediaTypeNumbers.set(mediaType, this.#mediaTypes.length);
    return this.#mediaTypes.push(mediaType) - 1;
  }

  #childrenIn(manifest: Manifest, platforms: Map<number, string[]>): readonly number[] {
    switch (manifest.kind) {
      case 'image':
        return [this.#addLeaf(manifest.config), ...manifest.layers.map((layer) => this.#addLayer(layer))];
      case 'index':
        return manifest.manifests.map((child) => {
          const node = this.#addChild(child);
          if (child.platform !== undefined && !child.isAttestation) addPlatform(platforms, node, child.platform);
          return node;
        });
      case 'schema1':
        return manifest.layers.map((digest) => this.#addLayer({ digest, mediaType: '', sizeBytes: undefined }));
      default:
        return assertNever(manifest);
    }
  }

  #addChild(child: Descriptor): number {
    if (isLayerType(child.mediaType)) return this.#addLayer(child);
    if (!isManifestChildType(child.mediaType)) return this.#addLeaf(child);
    const node = this.node(child.digest);
    this.#isManifest[node] = 1;
    if (!this.#hasChildren(node)) this.#nameMediaType(node, child.mediaType);
    if (child.isAttestation) this.#isAttestation.add(node);
    return node;
  }

  #addLayer(layer: Descriptor): number {
    const node = this.#addLeaf(layer);
    this.#isLayer[node] = 1;
    return node;
  }

  #addLeaf({ digest, mediaType, sizeBytes }: Descriptor): number {
    const node = this.node(digest);
    if (this.#hasChildren(node)) return node; // a manifest that was read has its true size
    this.#nameMediaType(node, mediaType);
    const before = this.#bytes[node] ?? Number.NaN;
    if (isForeignLayerType(mediaType)) {
      if (Number.isNaN(before)) this.#isForeign.add(node);
      this.#disputed.add(node);
    } else if (sizeBytes !== undefined) {
      this.#isForeign.delete(node);
      if (Number.isNaN(before)) this.#bytes[node] = sizeBytes;
      else if (before !== sizeBytes) this.#disputed.add(node);
    }
    return node;
  }

  /** Of several media types the smallest, so that the order of arrival does not show. */
  #nameMediaType(node: number, mediaType: string): void {
    const before = this.#mediaTypes[this.#mediaTypeOf[node] ?? 0] ?? '';
    if (mediaType !== '' && (before === '' || mediaType < before)) this.#mediaTypeOf[node] = this.#mediaType(mediaType);
  }

  #isUnread(node: number): boolean {
    return this.#isManifest[node] === 1 && !this.#hasChildren(node);
  }

  /** NaN where nobody could tell. The registry has the last word on what its descriptors say of a blob, whenever it was asked. */
  #bytesOf(node: number): number {
    if (this.#isUnread(node)) return Number.NaN;
    if (!this.#settled.has(node)) return this.#disputed.has(node) ? Number.NaN : (this.#bytes[node] ?? Number.NaN);
    const absentBytes = this.#isForeign.has(node) ? 0 : Number.NaN;
    return this.#settled.get(node) ?? absentBytes;
  }
}

function factsOf(manifest: Manifest, platforms: ManifestFacts['platforms']): ManifestFacts {
  const kind = kindOf(manifest);
  const isImage = manifest.kind === 'image' && isImageConfigType(manifest.config.mediaType);
  return { kind, subject: manifest.subject, imageConfig: isImage ? manifest.config.digest : undefined, platforms };
}

/** More platforms than that nobody builds for, but to harm whoever lists them. */
const MOST_PLATFORMS = 100;

function addPlatform(platforms: Map<number, string[]>, node: number, platform: string): void {
  const named = platforms.get(node);
  if (named === undefined) platforms.set(node, [platform]);
  else if (named.length < MOST_PLATFORMS && !named.includes(platform)) named.push(platform);
}

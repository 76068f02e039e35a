import { assertNever } from '../../lib/assert-never.ts';
import type { ImageConfig } from '../manifest/image-config.ts';
import type { Descriptor, Manifest } from '../manifest/manifest.ts';
import { kindOf } from '../manifest/manifest-kind.ts';
import {
  isBuildCacheConfigType,
  isForeignLayerType,
  isImageConfigType,
  isLayerType,
  isManifestChildType,
} from '../manifest/media-types.ts';
import type { Digest } from '../names.ts';
import { DigestTableBuilder } from './digest-table.ts';
import { EdgesBuilder } from './edges-builder.ts';
import { FactsBuilder } from './facts-builder.ts';
import type { BlobGraph } from './graph.ts';
import { createStringPool } from './string-pool.ts';
import { extendedTo, narrowed } from './typed-arrays.ts';

/** Collects manifests in any order. The graph does not depend on the order, except for the node numbers. */
export class GraphBuilder {
  readonly #digests = new DigestTableBuilder();
  // By node; the arrays may be longer than the number of nodes.
  #bytes = new Float64Array();
  #isLayer = new Uint8Array();
  #isManifest = new Uint8Array();
  #mediaTypeOf = new Uint32Array();
  readonly #edges = new EdgesBuilder();
  /** Blobs with different sizes in different descriptors, and foreign ones: only the registry can tell their size. */
  readonly #disputed = new Set<number>();
  /** Blobs that are foreign in every descriptor with a size: if the registry does not store one, its size is 0 and nothing is missing. */
  readonly #isForeign = new Set<number>();
  /** Blobs that an earlier check did not find stored as their descriptors state. */
  readonly #doubted = new Set<number>();
  /** The sizes that the registry reported for such blobs; undefined if it does not store the blob. */
  readonly #settled = new Map<number, number | undefined>();
  readonly #isAttestation = new Set<number>();
  /** Children of indexes with a type that is neither that of a manifest nor of a blob: a registry may serve them as either. */
  readonly #ofUnknownType = new Set<number>();
  readonly #isPartial = new Set<number>();
  readonly #mediaTypes = createStringPool<string>();
  readonly #facts = new FactsBuilder();
  /** The last built graph; undefined after a change. */
  #built: BlobGraph | undefined;

  /** Returns the node of the digest. A new node has no size and no children. */
  node(digest: Digest): number {
    const nodesBefore = this.#digests.length;
    const node = this.#digests.add(digest);
    if (node === nodesBefore) this.#addNode(node);
    return node;
  }

  /** Returns whether the manifest of that digest was added. */
  isRead(digest: Digest): boolean {
    return this.#edges.has(this.#digests.nodeOf(digest));
  }

  /** Adds a manifest that was read. `sizeBytes` is the length of its body as served. Returns its node. */
  addManifest(digest: Digest, sizeBytes: number, manifest: Manifest): number {
    const node = this.node(digest);
    if (this.#edges.has(node)) return node; // the content of a digest never changes
    this.#built = undefined;
    this.#isManifest[node] = 1;
    this.#bytes[node] = sizeBytes;
    this.#disputed.delete(node);
    this.#mediaTypeOf[node] = this.#mediaTypes.add(manifest.mediaType ?? '');
    this.#edges.add(node, new Set(this.#childrenIn(node, manifest)));
    const isImage = manifest.kind === 'image' && isImageConfigType(manifest.config.mediaType);
    this.#facts.addManifest(node, kindOf(manifest), isImage);
    // The registry may not store the subject. Its node is then reached by no tag.
    if (manifest.subject !== undefined) this.#facts.addSubject(node, this.node(manifest.subject));
    return node;
  }

  /** Adds what the config of an image states. */
  addImageConfig(digest: Digest, config: ImageConfig): void {
    const node = this.node(digest);
    this.#built = undefined;
    this.#facts.addImageConfig(node, config);
  }

  /** Adds a referrer that the registry lists for its subject. Returns its node. */
  addReferrer(subject: Digest, referrer: Descriptor): number {
    const node = this.node(subject);
    this.#built = undefined;
    const child = this.#addChild(referrer);
    this.#edges.addReferrer(node, child);
    return child;
  }

  /** Marks a manifest whose referrers could not all be read: every tag that reaches it is incomplete. */
  markPartial(digest: Digest): void {
    this.#built = undefined;
    this.#isPartial.add(this.node(digest));
  }

  /**
   * Returns whether only the registry can tell the size of a blob: no descriptor states it, several differ, it is foreign and may not be stored, or an
   * earlier check did not find it stored as its descriptors state.
   */
  isUnsized(digest: Digest): boolean {
    const node = this.#digests.nodeOf(digest);
    if (node === undefined || this.#isUnread(node)) return false;
    return !this.#settled.has(node) && Number.isNaN(this.#bytesOf(node));
  }

  /** Replaces the set of blobs whose descriptors are not believed, because an earlier check found something else. Ignores unknown digests. */
  doubt(digests: readonly Digest[]): void {
    this.#built = undefined;
    this.#doubted.clear();
    for (const digest of digests) {
      const node = this.#digests.nodeOf(digest);
      if (node !== undefined && this.#isManifest[node] === 0) this.#doubted.add(node);
    }
  }

  /** Returns the size that the descriptors of a blob state; undefined if none does, several differ, or the blob is foreign. */
  statedBytes(digest: Digest): number | undefined {
    const node = this.#digests.nodeOf(digest);
    const stated = node === undefined ? undefined : this.#statedBytesOf(node);
    return stated === undefined || Number.isNaN(stated) ? undefined : stated;
  }

  /** Returns whether the registry serves the digest as a blob, if it stores it. */
  isBlob(digest: Digest): boolean {
    const node = this.#digests.nodeOf(digest);
    return node !== undefined && this.#isManifest[node] === 0 && !this.#ofUnknownType.has(node);
  }

  /** Returns whether the blob is foreign in every descriptor with a size. */
  isForeign(digest: Digest): boolean {
    const node = this.#digests.nodeOf(digest);
    return node !== undefined && this.#isForeign.has(node);
  }

  /** Returns whether the graph contains referrers, or marks for missing ones. The registry may list others the next time. */
  hasReferrers(): boolean {
    return this.#edges.hasReferrers() || this.#isPartial.size > 0;
  }

  /** Forgets which blobs the registry did not store: it may store them by now. */
  forgetAbsentBlobs(): void {
    this.#built = undefined;
    for (const [node, bytes] of this.#settled) if (bytes === undefined) this.#settled.delete(node);
  }

  /** Sets the size of a blob to what the registry reported: the stored bytes, or undefined if it does not store the blob. */
  settle(digest: Digest, storedBytes: number | undefined): void {
    this.#built = undefined;
    this.#settled.set(this.node(digest), storedBytes);
  }

  /** Returns the graph of all that was added. A manifest that was named but not added, and a blob of unknown size, are marked as missing. */
  build(): BlobGraph {
    this.#built ??= this.#assemble();
    return this.#built;
  }

  #assemble(): BlobGraph {
    const digests = this.#digests.build();
    const nodesCount = digests.length;
    const isMissing = new Uint8Array(nodesCount);
    const bytes = new Float64Array(nodesCount);
    for (let node = 0; node < nodesCount; node++) {
      const known = this.#bytesOf(node);
      bytes[node] = known;
      if (Number.isNaN(known)) isMissing[node] = 1;
    }
    for (const [node, stored] of this.#settled) if (this.#isOtherSize(node, stored)) isMissing[node] = 1;
    for (const node of this.#isPartial) isMissing[node] = 1;
    const isAttestation = new Uint8Array(nodesCount);
    for (const node of this.#isAttestation) isAttestation[node] = 1;
    const mediaTypes = [...this.#mediaTypes.texts];
    return {
      digests,
      bytes,
      isLayer: this.#isLayer.slice(0, nodesCount),
      isMissing,
      isAttestation,
      mediaTypes,
      mediaTypeOf: narrowed(this.#mediaTypeOf.slice(0, nodesCount), mediaTypes.length),
      ...this.#facts.build(nodesCount),
      ...this.#edges.build(nodesCount),
    };
  }

  /** Extends the arrays for a new node, whose size is unknown. */
  #addNode(node: number): void {
    this.#built = undefined;
    this.#bytes = extendedTo(this.#bytes, node);
    this.#isLayer = extendedTo(this.#isLayer, node);
    this.#isManifest = extendedTo(this.#isManifest, node);
    this.#mediaTypeOf = extendedTo(this.#mediaTypeOf, node);
    this.#bytes[node] = Number.NaN;
  }

  #childrenIn(node: number, manifest: Manifest): readonly number[] {
    switch (manifest.kind) {
      case 'image':
        return [this.#addLeaf(manifest.config), ...manifest.layers.map((layer) => this.#addLayer(layer))];
      case 'index': {
        const children = manifest.manifests.map((child) => this.#addChild(child));
        const named = manifest.manifests.flatMap(({ platform, isAttestation }, i) =>
          platform === undefined || isAttestation ? [] : [[children[i] ?? 0, platform] as const],
        );
        this.#facts.addPlatforms(node, named);
        return children;
      }
      case 'artifact':
        return manifest.layers.map((layer) => this.#addLayer(layer));
      case 'schema1':
        return manifest.layers.map((digest) => this.#addLayer({ digest, mediaType: '', sizeBytes: undefined }));
      default:
        return assertNever(manifest);
    }
  }

  #addChild(child: Descriptor): number {
    if (isLayerType(child.mediaType)) return this.#addLayer(child);
    if (!isManifestChildType(child.mediaType)) return this.#addOther(child);
    const node = this.node(child.digest);
    this.#isManifest[node] = 1;
    if (!this.#edges.has(node)) this.#setMediaType(node, child.mediaType);
    if (child.isAttestation) this.#isAttestation.add(node);
    return node;
  }

  #addOther(child: Descriptor): number {
    const node = this.#addLeaf(child);
    if (!isBuildCacheConfigType(child.mediaType)) this.#ofUnknownType.add(node);
    return node;
  }

  #addLayer(layer: Descriptor): number {
    const node = this.#addLeaf(layer);
    this.#isLayer[node] = 1;
    return node;
  }

  #addLeaf({ digest, mediaType, sizeBytes }: Descriptor): number {
    const node = this.node(digest);
    if (this.#edges.has(node)) return node; // the size of a manifest that was read is known
    this.#setMediaType(node, mediaType);
    const before = this.#bytes[node] ?? Number.NaN;
    if (isForeignLayerType(mediaType)) {
      if (Number.isNaN(before)) this.#isForeign.add(node);
      this.#disputed.add(node);
    } else if (sizeBytes !== undefined) {
      this.#isForeign.delete(node);
      if (Number.isNaN(before)) {
        this.#bytes[node] = sizeBytes;
        this.#settled.delete(node); // with this descriptor, no crawl would have asked for the size
      } else if (before !== sizeBytes) this.#disputed.add(node);
    }
    return node;
  }

  /** If descriptors state different media types, takes the smallest one, so that the result does not depend on their order. */
  #setMediaType(node: number, mediaType: string): void {
    const before = this.#mediaTypes.texts[this.#mediaTypeOf[node] ?? 0] ?? '';
    if (mediaType === '' || (before !== '' && mediaType >= before)) return;
    this.#mediaTypeOf[node] = this.#mediaTypes.add(mediaType);
  }

  #isUnread(node: number): boolean {
    return this.#isManifest[node] === 1 && !this.#edges.has(node);
  }

  /** Returns NaN if the size is unknown. The size that the registry reported takes precedence over those in descriptors. */
  #bytesOf(node: number): number {
    if (this.#isUnread(node)) return Number.NaN;
    if (!this.#settled.has(node)) return this.#doubted.has(node) ? Number.NaN : this.#statedBytesOf(node);
    const absentBytes = this.#isForeign.has(node) ? 0 : Number.NaN;
    return this.#settled.get(node) ?? absentBytes;
  }

  /** Returns NaN if the descriptors state no size, or no size that can be believed. */
  #statedBytesOf(node: number): number {
    return this.#disputed.has(node) ? Number.NaN : (this.#bytes[node] ?? Number.NaN);
  }

  /** Returns whether a blob is stored with another size than all of its descriptors state: then it is cut off, or no client accepts it. */
  #isOtherSize(node: number, stored: number | undefined): boolean {
    const stated = this.#statedBytesOf(node);
    return stored !== undefined && !Number.isNaN(stated) && stored !== stated;
  }
}

import { assertNever } from '../../lib/assert-never.ts';
import type { ImageConfig } from '../manifest/image-config.ts';
import type { Descriptor, Manifest } from '../manifest/manifest.ts';
import { kindOf } from '../manifest/manifest-kind.ts';
import { isForeignLayerType, isImageConfigType, isLayerType, isManifestChildType } from '../manifest/media-types.ts';
import type { Digest } from '../names.ts';
import { DigestTableBuilder } from './digest-table.ts';
import { EdgesBuilder } from './edges-builder.ts';
import { FactsBuilder } from './facts-builder.ts';
import type { BlobGraph } from './graph.ts';
import { createStringPool } from './string-pool.ts';
import { narrowed, withRoomAt } from './typed-arrays.ts';

/** Collects manifests in any order of arrival; the graph that comes out does not depend on it but for the numbering. */
export class GraphBuilder {
  readonly #digests = new DigestTableBuilder();
  // By node, and longer than there are nodes.
  #bytes = new Float64Array();
  #isLayer = new Uint8Array();
  #isManifest = new Uint8Array();
  #mediaTypeOf = new Uint32Array();
  readonly #edges = new EdgesBuilder();
  /** Blobs that descriptors disagree on, or call foreign: the registry has the last word. */
  readonly #disputed = new Set<number>();
  /** Blobs that every descriptor with a size calls foreign: one that is not stored counts 0, and nothing is missing. */
  readonly #isForeign = new Set<number>();
  /** What the registry said of such blobs: their bytes, or undefined where it does not store them. */
  readonly #settled = new Map<number, number | undefined>();
  readonly #isAttestation = new Set<number>();
  readonly #isPartial = new Set<number>();
  readonly #mediaTypes = createStringPool<string>();
  readonly #facts = new FactsBuilder();
  /** The graph as it was last asked for; undefined since something was added. */
  #built: BlobGraph | undefined;

  /** The node of that digest; a new one has no bytes and no children. */
  node(digest: Digest): number {
    const nodesBefore = this.#digests.length;
    const node = this.#digests.add(digest);
    if (node === nodesBefore) this.#makeRoom(node);
    return node;
  }

  /** Whether the manifest of that digest was read, so that nobody needs to ask for it again. */
  isRead(digest: Digest): boolean {
    return this.#edges.has(this.#digests.nodeOf(digest));
  }

  /** Records a manifest as read. `sizeBytes` is the length of its body as served. */
  addManifest(digest: Digest, sizeBytes: number, manifest: Manifest): number {
    const node = this.node(digest);
    if (this.#edges.has(node)) return node; // what a digest names never changes
    this.#built = undefined;
    this.#isManifest[node] = 1;
    this.#bytes[node] = sizeBytes;
    this.#disputed.delete(node);
    this.#mediaTypeOf[node] = this.#mediaTypes.add(manifest.mediaType ?? '');
    this.#edges.add(node, new Set(this.#childrenIn(node, manifest)));
    const isImage = manifest.kind === 'image' && isImageConfigType(manifest.config.mediaType);
    this.#facts.addManifest(node, kindOf(manifest), isImage);
    // The subject may be nowhere: a node that nobody reaches.
    if (manifest.subject !== undefined) this.#facts.addSubject(node, this.node(manifest.subject));
    return node;
  }

  /** Records what an image's config says of the image. */
  addImageConfig(digest: Digest, config: ImageConfig): void {
    const node = this.node(digest);
    this.#built = undefined;
    this.#facts.addImageConfig(node, config);
  }

  /** Hangs what refers to a manifest under it. */
  addReferrer(subject: Digest, referrer: Descriptor): void {
    const node = this.node(subject);
    this.#built = undefined;
    this.#edges.hang(node, this.#addChild(referrer));
  }

  /** Says of a manifest that what hangs under it could not all be had: whoever reaches it is incomplete. */
  markPartial(digest: Digest): void {
    this.#built = undefined;
    this.#isPartial.add(this.node(digest));
  }

  /** Whether only the registry can tell the blob's bytes: no descriptor does, several differ, or it is foreign and may be stored or not. */
  isUnsized(digest: Digest): boolean {
    const node = this.#digests.nodeOf(digest);
    if (node === undefined || this.#isUnread(node)) return false;
    return !this.#settled.has(node) && Number.isNaN(this.#bytesOf(node));
  }

  /** Whether something hangs under a manifest that the manifest does not name, or is missing there: what a registry says, and may not say again. */
  hasHangers(): boolean {
    return this.#edges.hasHanging() || this.#isPartial.size > 0;
  }

  /** Forgets that the registry did not store a blob: it may by now. */
  reopen(): void {
    this.#built = undefined;
    for (const [node, bytes] of this.#settled) if (bytes === undefined) this.#settled.delete(node);
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
    const digests = this.#digests.build();
    const nodesCount = digests.length;
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

  /** A new node has no bytes and no children. */
  #makeRoom(node: number): void {
    this.#built = undefined;
    this.#bytes = withRoomAt(this.#bytes, node);
    this.#isLayer = withRoomAt(this.#isLayer, node);
    this.#isManifest = withRoomAt(this.#isManifest, node);
    this.#mediaTypeOf = withRoomAt(this.#mediaTypeOf, node);
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
    if (!this.#edges.has(node)) this.#nameMediaType(node, child.mediaType);
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
    if (this.#edges.has(node)) return node; // a manifest that was read has its true size
    this.#nameMediaType(node, mediaType);
    const before = this.#bytes[node] ?? Number.NaN;
    if (isForeignLayerType(mediaType)) {
      if (Number.isNaN(before)) this.#isForeign.add(node);
      this.#disputed.add(node);
    } else if (sizeBytes !== undefined) {
      this.#isForeign.delete(node);
      if (Number.isNaN(before)) {
        this.#bytes[node] = sizeBytes;
        this.#settled.delete(node); // nobody would have asked
      } else if (before !== sizeBytes) this.#disputed.add(node);
    }
    return node;
  }

  /** Of several media types the smallest, so that the order of arrival does not show. */
  #nameMediaType(node: number, mediaType: string): void {
    const before = this.#mediaTypes.texts[this.#mediaTypeOf[node] ?? 0] ?? '';
    if (mediaType === '' || (before !== '' && mediaType >= before)) return;
    this.#mediaTypeOf[node] = this.#mediaTypes.add(mediaType);
  }

  #isUnread(node: number): boolean {
    return this.#isManifest[node] === 1 && !this.#edges.has(node);
  }

  /** NaN where nobody could tell. The registry has the last word on what its descriptors say of a blob, whenever it was asked. */
  #bytesOf(node: number): number {
    if (this.#isUnread(node)) return Number.NaN;
    if (!this.#settled.has(node)) return this.#disputed.has(node) ? Number.NaN : (this.#bytes[node] ?? Number.NaN);
    const absentBytes = this.#isForeign.has(node) ? 0 : Number.NaN;
    return this.#settled.get(node) ?? absentBytes;
  }
}

import { hash } from 'node:crypto';
import type { BlobGraph } from '../../src/domain/graph/graph.ts';
import { GraphBuilder } from '../../src/domain/graph/graph-builder.ts';
import { readManifest } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { CrawlResult } from '../../src/domain/snapshot/crawl-result.ts';
import type { Figures, Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { buildTree } from '../../src/domain/usage/tree.ts';
import type { StoredManifest } from '../../src/ports.ts';
import { measure } from './measure.ts';
import { SAMPLE_COLLECTOR } from './sample-snapshot.ts';

/** Creates a manifest with that body, which a registry serves with that content type. */
export function stored(body: unknown, contentType: string = MANIFEST_TYPES.ociManifest): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(body));
  const manifest = readManifest(contentType, body);
  if (manifest.kind === 'unsupported' || manifest.kind === 'contradictory') throw new Error(manifest.reason);
  const digest = `sha256:${hash('sha256', bytes)}` as Digest;
  return { digest, sizeBytes: bytes.length, manifest, served: { contentType, body: bytes } };
}

export function digestOf(text: string): Digest {
  return `sha256:${hash('sha256', text)}` as Digest;
}

export function image(name: string): StoredManifest {
  const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return stored({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPES.ociManifest,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(`${name} config`), size: 7 },
    layers: [{ mediaType: layerType, digest: digestOf(`${name} layer`), size: 100 }],
  });
}

export function figures(bytes: number | null, tagsCount = 1): Figures {
  const all = { sizeBytes: bytes, diskSizeBytes: bytes, deduplicatedBytes: bytes, reclaimableBytes: bytes };
  return { ...all, metadataBytes: bytes, databaseBytes: bytes, tagsCount, isComplete: bytes !== null };
}

/** Returns the result of a crawl of a registry with one repository, `group/app`, whose tags `0`, `1`… are these images. */
export function crawlOf(images: readonly StoredManifest[], at = 0): { snapshot: Snapshot; crawlResult: CrawlResult } {
  const builder = new GraphBuilder();
  const roots = images.map(({ digest, sizeBytes, manifest }) => builder.addManifest(digest, sizeBytes, manifest));
  const name = 'group/app' as RepositoryName;
  const tags = roots.map((root, i) => ({ name: String(i) as TagName, root, lastPulledAt: undefined }));
  const graph = builder.build();
  const crawlResult: CrawlResult = {
    graph,
    repositories: [{ name, tags, gap: undefined, staleSince: undefined }],
    illegal: new Set(),
    garbageCollector: SAMPLE_COLLECTOR,
    startedAt: at,
    finishedAt: at,
  };
  return { snapshot: snapshotOf(graph, Int32Array.from(roots), at), crawlResult };
}

function snapshotOf(graph: BlobGraph, roots: Int32Array, at: number): Snapshot {
  const name = 'group/app' as RepositoryName;
  const tree = buildTree([{ name, tagsCount: roots.length }]);
  const tags = [...roots].map((_, i) => ({
    ...figures(100),
    name: String(i) as TagName,
    status: 'ok' as const,
    manifest: null,
    lastPulledAt: null,
  }));
  return {
    id: new Date(at).toISOString(),
    startedAt: at,
    finishedAt: at,
    figures: figures(roots.length, roots.length),
    garbageCollector: SAMPLE_COLLECTOR,
    hazard: undefined,
    configsPending: 0,
    kinds: [],
    namespaces: [{ ...figures(roots.length, roots.length), path: 'group', namespace: undefined }],
    repositories: [{ ...figures(roots.length, roots.length), name, namespace: 'group', tags, staleSince: null }],
    gaps: [],
    contents: {
      graph,
      roots,
      usage: measure(graph, tree, roots),
      repositoryOf: new Uint32Array(roots.length),
      accessories: new Set(),
    },
  };
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/* A slow and obvious reference implementation: it reads the storage directory of a registry and computes the figures with nested loops,
 * straight from the definitions. It shares no code with the service. */

/** Figures in bytes; null if no tag could be read. */
export interface TrueFigures {
  readonly size: number | null;
  readonly diskSize: number | null;
  readonly deduplicated: number | null;
  readonly reclaimable: number | null;
  readonly metadata: number | null;
  readonly isIncomplete: boolean;
}

export interface TrueTag extends TrueFigures {
  readonly name: string;
}

export interface TrueRepository extends TrueFigures {
  readonly name: string;
  readonly tags: readonly TrueTag[];
}

export interface TrueRegistry extends TrueFigures {
  readonly repositories: readonly TrueRepository[];
}

interface FoundTag {
  readonly repository: string;
  readonly name: string;
  /** Undefined if the manifest is not stored. */
  readonly reached: ReadonlySet<string> | undefined;
  readonly isIncomplete: boolean;
}

interface Content {
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string; readonly mediaType?: string }[];
  readonly fsLayers?: readonly { readonly blobSum: string }[];
  readonly manifests?: readonly { readonly digest: string; readonly mediaType: string }[];
}

const MANIFEST_TYPE = /image\.(index|manifest)\.v1\+json|distribution\.manifest\.(list\.)?v[12]/;
const LAYER_TYPE = /\.layer\.|\.rootfs\./;

export function readGroundTruth(storageDirectory: string): TrueRegistry {
  const root = join(storageDirectory, 'docker/registry/v2');
  const names = findRepositories(join(root, 'repositories'), '');
  const manifests = readManifests(root, names);
  const tags = names.flatMap((repository) => readTags(root, manifests, repository));
  const layers = allLayers(manifests, tags);
  const figures = (set: readonly FoundTag[]): TrueFigures => figuresOf(root, layers, tags, set);
  const repositories = names.map((name): TrueRepository => {
    const own = tags.filter(({ repository }) => repository === name);
    return { name, ...figures(own), tags: own.map((tag) => ({ name: tag.name, ...figures([tag]) })) };
  });
  return { ...figures(tags), repositories };
}

/** Returns the size of each stored blob in bytes, by digest. */
export function storedBlobs(storageDirectory: string): ReadonlyMap<string, number> {
  const root = join(storageDirectory, 'docker/registry/v2/blobs/sha256');
  const blobs = new Map<string, number>();
  for (const prefix of readdirSync(root)) {
    for (const hex of readdirSync(join(root, prefix)))
      blobs.set(`sha256:${hex}`, statSync(join(root, prefix, hex, 'data')).size);
  }
  return blobs;
}

/** Computes the figures of a set of tags among all tags. */
function figuresOf(
  root: string,
  layers: ReadonlySet<string>,
  all: readonly FoundTag[],
  set: readonly FoundTag[],
): TrueFigures {
  const isIncomplete = set.some((tag) => tag.isIncomplete);
  const isKnown = set.length === 0 || set.some(({ reached }) => reached !== undefined);
  if (!isKnown) {
    return { size: null, diskSize: null, deduplicated: null, reclaimable: null, metadata: null, isIncomplete };
  }
  const sum = (digests: readonly string[]): number =>
    digests.reduce((total, digest) => total + (storedBytes(root, digest) ?? 0), 0);
  const layersOf = (tag: FoundTag): readonly string[] => [...(tag.reached ?? [])].filter((one) => layers.has(one));
  const ownerOf = (layer: string): FoundTag | undefined =>
    all
      .filter(({ reached }) => reached?.has(layer))
      .sort((a, b) => layersOf(a).length - layersOf(b).length || before(a, b))[0];
  const reached = [...new Set(set.flatMap((tag) => [...(tag.reached ?? [])]))];
  const others = all.filter((tag) => !set.includes(tag));
  return {
    size: sum(set.flatMap(layersOf)),
    diskSize: sum(set.flatMap((tag) => layersOf(tag).filter((layer) => ownerOf(layer) === tag))),
    deduplicated: sum(reached),
    reclaimable: sum(reached.filter((digest) => !others.some((tag) => tag.reached?.has(digest)))),
    metadata: sum(reached.filter((digest) => !layers.has(digest))),
    isIncomplete,
  };
}

function before(a: FoundTag, b: FoundTag): number {
  if (a.repository !== b.repository) return a.repository < b.repository ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

function findRepositories(directory: string, name: string): readonly string[] {
  const entries = readdirSync(directory);
  const below = entries
    .filter((entry) => !entry.startsWith('_'))
    .flatMap((entry) => findRepositories(join(directory, entry), name === '' ? entry : `${name}/${entry}`));
  return [...(entries.includes('_layers') ? [name] : []), ...below].sort();
}

/** Reads the manifests of all repositories. The blob of a deleted manifest stays until garbage collection, but its revision has no link. */
function readManifests(root: string, repositories: readonly string[]): ReadonlyMap<string, Content> {
  const manifests = new Map<string, Content>();
  for (const repository of repositories) {
    const revisions = join(root, 'repositories', repository, '_manifests/revisions');
    for (const algorithm of namesIn(revisions)) {
      for (const hex of namesIn(join(revisions, algorithm))) {
        if (!namesIn(join(revisions, algorithm, hex)).includes('link')) continue;
        const digest = `${algorithm}:${hex}`;
        manifests.set(digest, JSON.parse(readFileSync(dataFile(root, digest), 'utf8')));
      }
    }
  }
  return manifests;
}

function readTags(root: string, manifests: ReadonlyMap<string, Content>, repository: string): readonly FoundTag[] {
  const directory = join(root, 'repositories', repository, '_manifests/tags');
  return namesIn(directory)
    .sort()
    .map((name) => {
      const digest = readFileSync(join(directory, name, 'current/link'), 'utf8');
      const reached = new Set<string>();
      const isIncomplete = !reach(manifests, digest, reached);
      return { repository, name, reached: reached.size > 0 ? reached : undefined, isIncomplete };
    });
}

/** Adds the manifest and all blobs that it reaches to `reached`. Returns whether all manifests are stored. */
function reach(manifests: ReadonlyMap<string, Content>, digest: string, reached: Set<string>): boolean {
  const content = manifests.get(digest);
  if (content === undefined) return false;
  reached.add(digest);
  if (content.config) reached.add(content.config.digest);
  for (const layer of content.layers ?? []) reached.add(layer.digest);
  for (const layer of content.fsLayers ?? []) reached.add(layer.blobSum);
  let isWhole = true;
  for (const child of content.manifests ?? []) {
    if (!MANIFEST_TYPE.test(child.mediaType)) reached.add(child.digest);
    else isWhole = reach(manifests, child.digest, reached) && isWhole;
  }
  return isWhole;
}

/** Returns the digests that a manifest of any tag lists as a layer. */
function allLayers(manifests: ReadonlyMap<string, Content>, tags: readonly FoundTag[]): ReadonlySet<string> {
  const layers = new Set<string>();
  for (const digest of tags.flatMap((tag) => [...(tag.reached ?? [])])) {
    const content = manifests.get(digest);
    for (const layer of content?.layers ?? []) layers.add(layer.digest);
    for (const layer of content?.fsLayers ?? []) layers.add(layer.blobSum);
    for (const child of content?.manifests ?? []) if (LAYER_TYPE.test(child.mediaType)) layers.add(child.digest);
  }
  return layers;
}

function storedBytes(root: string, digest: string): number | undefined {
  return statSync(dataFile(root, digest), { throwIfNoEntry: false })?.size;
}

function dataFile(root: string, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(root, 'blobs', algorithm, hex.slice(0, 2), hex, 'data');
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/* The slow, obvious twin: it reads the storage directory of a registry, and counts with nested loops, straight from the definitions.
 * It shares no code with the service. */

export interface TrueTag {
  readonly name: string;
  /** null where the tag's own manifest is not stored. */
  readonly size: number | null;
  readonly diskSize: number | null;
  readonly isIncomplete: boolean;
}

export interface TrueRepository {
  readonly name: string;
  readonly tags: readonly TrueTag[];
}

interface FoundTag {
  readonly repository: string;
  readonly name: string;
  /** undefined where the manifest is not stored. */
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

export function readGroundTruth(storageDirectory: string): readonly TrueRepository[] {
  const root = join(storageDirectory, 'docker/registry/v2');
  const repositories = findRepositories(join(root, 'repositories'), '');
  const tags = repositories.flatMap((repository) => readTags(root, repository));
  const layers = allLayers(root, tags);
  const layersOf = (tag: FoundTag): readonly string[] =>
    [...(tag.reached ?? [])].filter((digest) => layers.has(digest));
  return repositories.map((name) => ({
    name,
    tags: tags
      .filter((tag) => tag.repository === name)
      .map((tag) => {
        let size = 0;
        let diskSize = 0;
        for (const digest of layersOf(tag)) {
          const bytes = storedBytes(root, digest) ?? 0;
          size += bytes;
          const holders = tags.filter((other) => other.reached?.has(digest));
          const [owner] = holders.sort((a, b) => layersOf(a).length - layersOf(b).length || before(a, b));
          if (owner === tag) diskSize += bytes;
        }
        const isKnown = tag.reached !== undefined;
        return {
          name: tag.name,
          size: isKnown ? size : null,
          diskSize: isKnown ? diskSize : null,
          isIncomplete: tag.isIncomplete,
        };
      }),
  }));
}

/** The bytes that the storage holds, file by file. */
export function storedBlobs(storageDirectory: string): ReadonlyMap<string, number> {
  const root = join(storageDirectory, 'docker/registry/v2/blobs/sha256');
  const blobs = new Map<string, number>();
  for (const prefix of readdirSync(root)) {
    for (const hex of readdirSync(join(root, prefix)))
      blobs.set(`sha256:${hex}`, statSync(join(root, prefix, hex, 'data')).size);
  }
  return blobs;
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

function readTags(root: string, repository: string): readonly FoundTag[] {
  const directory = join(root, 'repositories', repository, '_manifests/tags');
  return namesIn(directory)
    .sort()
    .map((name) => {
      const digest = readFileSync(join(directory, name, 'current/link'), 'utf8');
      const reached = new Set<string>();
      const isIncomplete = !reach(root, digest, reached);
      return { repository, name, reached: readContent(root, digest) && reached, isIncomplete };
    });
}

/** Adds what a digest reaches, itself included. Whether all of it is there. */
function reach(root: string, digest: string, reached: Set<string>): boolean {
  const content = readContent(root, digest);
  if (content === undefined) return false;
  reached.add(digest);
  if (content.config) reached.add(content.config.digest);
  for (const layer of content.layers ?? []) reached.add(layer.digest);
  for (const layer of content.fsLayers ?? []) reached.add(layer.blobSum);
  let isWhole = true;
  for (const child of content.manifests ?? []) {
    reached.add(child.digest);
    if (MANIFEST_TYPE.test(child.mediaType)) isWhole = reach(root, child.digest, reached) && isWhole;
  }
  return isWhole;
}

/** Every digest that some tag's manifest lists as a layer. */
function allLayers(root: string, tags: readonly FoundTag[]): ReadonlySet<string> {
  const layers = new Set<string>();
  for (const digest of tags.flatMap((tag) => [...(tag.reached ?? [])])) {
    const content = isManifest(root, digest) ? readContent(root, digest) : undefined;
    for (const layer of content?.layers ?? []) layers.add(layer.digest);
    for (const layer of content?.fsLayers ?? []) layers.add(layer.blobSum);
    for (const child of content?.manifests ?? []) if (LAYER_TYPE.test(child.mediaType)) layers.add(child.digest);
  }
  return layers;
}

function readContent(root: string, digest: string): Content | undefined {
  try {
    return isManifest(root, digest) ? (JSON.parse(readFileSync(dataFile(root, digest), 'utf8')) as Content) : undefined;
  } catch {
    return undefined;
  }
}

/** A deleted manifest's blob stays until garbage is collected, but its revision has no link any more. */
function isManifest(root: string, digest: string): boolean {
  const [algorithm = '', hex = ''] = digest.split(':');
  const linkIn = (directory: string): boolean =>
    namesIn(join(directory, '_manifests/revisions', algorithm, hex)).includes('link') ||
    namesIn(directory).some((entry) => !entry.startsWith('_') && linkIn(join(directory, entry)));
  return linkIn(join(root, 'repositories'));
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

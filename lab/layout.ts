import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { config, digestOf, type LabBlob, TYPES } from './images.ts';

export interface LayoutSize {
  readonly repositories: number;
  readonly tagsPerRepository: number;
  readonly layersPerTag: number;
}

/**
 * Writes the files of a large registry as Distribution stores them, which is faster than pushing. It omits the blobs of layers, because no
 * request of the service reads them.
 */
export async function layOutRegistry(storageDirectory: string, size: LayoutSize): Promise<void> {
  const root = join(storageDirectory, 'docker/registry/v2');
  for (let repository = 0; repository < size.repositories; repository++) {
    const directory = join(root, 'repositories', repositoryName(repository));
    await mkdir(join(directory, '_layers'), { recursive: true });
    const tags = Array.from({ length: size.tagsPerRepository }, (_, tag) => ({ repository, tag, image: tag }));
    await Promise.all(tags.map((tag) => layOutTag(root, directory, tag, size.layersPerTag)));
  }
}

/** A tag, by numbers. At first, each tag points to the image with its own number; any other image number is valid too. */
export interface LaidOutTag {
  readonly repository: number;
  readonly tag: number;
  readonly image: number;
}

/** Points a tag of a registry from `layOutRegistry` to another image. */
export function moveTag(storageDirectory: string, tag: LaidOutTag, layersPerTag: number): Promise<void> {
  const root = join(storageDirectory, 'docker/registry/v2');
  return layOutTag(root, join(root, 'repositories', repositoryName(tag.repository)), tag, layersPerTag);
}

export function repositoryName(number: number): string {
  return `group${number % 10}/project${number}/image`;
}

/** Returns the config of an image; each image has its own. */
export function configOf(repository: number, image: number): LabBlob {
  return config(`${repository} ${image}`);
}

async function layOutTag(
  root: string,
  directory: string,
  { repository, tag, image }: LaidOutTag,
  layersPerTag: number,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest(repository, image, layersPerTag)));
  const { bytes, descriptor } = configOf(repository, image);
  const digest = await layOutBlob(root, body);
  await layOutBlob(root, bytes);
  await layOutLink(directory, `_manifests/revisions/${pathOf(digest)}`, digest);
  await layOutLink(directory, `_manifests/tags/v${tag}/current`, digest);
  await layOutLink(directory, `_layers/${pathOf(descriptor.digest)}`, descriptor.digest);
}

async function layOutBlob(root: string, bytes: Buffer): Promise<string> {
  const digest = digestOf(bytes);
  const hex = digest.slice('sha256:'.length);
  const directory = join(root, 'blobs/sha256', hex.slice(0, 2), hex);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'data'), bytes);
  return digest;
}

async function layOutLink(directory: string, path: string, digest: string): Promise<void> {
  await mkdir(join(directory, path), { recursive: true });
  await writeFile(join(directory, path, 'link'), digest);
}

function pathOf(digest: string): string {
  return digest.replace(':', '/');
}

/** Returns a manifest with six layers of a base image; the other layers belong to this image alone. */
function manifest(repository: number, image: number, layersPerTag: number): object {
  const layers = Array.from({ length: layersPerTag }, (_, i) => {
    const name = i < 6 ? `${repository % 20} ${i}` : `${repository} ${image} ${i}`;
    return { mediaType: TYPES.ociLayer, digest: digestOf(Buffer.from(name)), size: 100_000 + name.length * 1000 + i };
  });
  const { descriptor } = configOf(repository, image);
  return { schemaVersion: 2, mediaType: TYPES.ociManifest, config: descriptor, layers };
}

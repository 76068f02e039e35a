import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { config, digestOf, type LabBlob, TYPES } from './images.ts';

export interface LayoutSize {
  readonly repositories: number;
  readonly tagsPerRepository: number;
  readonly layersPerTag: number;
}

/**
 * Lays a large registry out on disk, as Distribution stores it: quicker than pushing it. The blobs of layers are left out, since nothing
 * that is read touches them.
 */
export async function layOutRegistry(storageDirectory: string, size: LayoutSize): Promise<void> {
  const root = join(storageDirectory, 'docker/registry/v2');
  for (let repository = 0; repository < size.repositories; repository++) {
    const directory = join(root, 'repositories', repositoryName(repository));
    await mkdir(join(directory, '_layers'), { recursive: true });
    const tags = Array.from({ length: size.tagsPerRepository }, (_, tag) => tag);
    await Promise.all(tags.map((tag) => layOutTag(root, directory, repository, tag, size.layersPerTag)));
  }
}

export function repositoryName(number: number): string {
  return `group${number % 10}/project${number}/image`;
}

/** The config of that tag: every image has its own. */
export function configOf(repository: number, tag: number): LabBlob {
  return config(`${repository} ${tag}`);
}

async function layOutTag(
  root: string,
  directory: string,
  repository: number,
  tag: number,
  layersPerTag: number,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest(repository, tag, layersPerTag)));
  const { bytes, descriptor } = configOf(repository, tag);
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

/** Six layers of a repository's base image, and the tag's own. */
function manifest(repository: number, tag: number, layersPerTag: number): object {
  const layers = Array.from({ length: layersPerTag }, (_, i) => {
    const name = i < 6 ? `${repository % 20} ${i}` : `${repository} ${tag} ${i}`;
    return { mediaType: TYPES.ociLayer, digest: digestOf(Buffer.from(name)), size: 100_000 + name.length * 1000 + i };
  });
  const { descriptor } = configOf(repository, tag);
  return { schemaVersion: 2, mediaType: TYPES.ociManifest, config: descriptor, layers };
}

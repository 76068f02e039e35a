import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { config, digestOf, TYPES } from './images.ts';

export interface LayoutSize {
  readonly repositories: number;
  readonly tagsPerRepository: number;
  readonly layersPerTag: number;
}

/**
 * Lays a large registry out on disk, as Distribution stores it: quicker than pushing it. The blobs of layers and configs are left out,
 * since reading a manifest does not touch them.
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

async function layOutTag(
  root: string,
  directory: string,
  repository: number,
  tag: number,
  layersPerTag: number,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(manifest(repository, tag, layersPerTag)));
  const digest = digestOf(body);
  const hex = digest.slice('sha256:'.length);
  const link = async (path: string): Promise<void> => {
    await mkdir(join(directory, path), { recursive: true });
    await writeFile(join(directory, path, 'link'), digest);
  };
  const blob = join(root, 'blobs/sha256', hex.slice(0, 2), hex);
  await mkdir(blob, { recursive: true });
  await writeFile(join(blob, 'data'), body);
  await link(`_manifests/revisions/sha256/${hex}`);
  await link(`_manifests/tags/v${tag}/current`);
}

/** Six layers of a repository's base image, and the tag's own. */
function manifest(repository: number, tag: number, layersPerTag: number): object {
  const layers = Array.from({ length: layersPerTag }, (_, i) => {
    const name = i < 6 ? `${repository % 20} ${i}` : `${repository} ${tag} ${i}`;
    return { mediaType: TYPES.ociLayer, digest: digestOf(Buffer.from(name)), size: 100_000 + name.length * 1000 + i };
  });
  const { descriptor } = config(`${repository} ${tag}`);
  return { schemaVersion: 2, mediaType: TYPES.ociManifest, config: descriptor, layers };
}

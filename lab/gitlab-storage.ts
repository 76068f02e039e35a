import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabRegistry } from './registry.ts';

/* What GitLab's database knows of a repository and Distribution's API does not tell, read from the storage of the real registry. */

export interface Referrer {
  readonly artifactType: string;
  readonly digest: string;
}

interface Manifest {
  readonly config?: { readonly mediaType: string };
  readonly subject?: { readonly digest: string };
  readonly artifactType?: string;
}

type Storage = Pick<LabRegistry, 'storageDirectory'>;

export async function hasManifests(registry: Storage, repository: string): Promise<boolean> {
  return (await revisions(registry, repository)).length > 0;
}

/** Returns the manifests with a subject, by subject. */
export async function readReferrers(
  registry: Storage,
  repository: string,
): Promise<ReadonlyMap<string, readonly Referrer[]>> {
  const found = new Map<string, Referrer[]>();
  for (const hex of await revisions(registry, repository)) {
    const file = join(registry.storageDirectory, ROOT, 'blobs/sha256', hex.slice(0, 2), hex, 'data');
    const { subject, artifactType, config } = JSON.parse(await readFile(file, 'utf8')) as Manifest;
    if (subject === undefined) continue;
    const referrer = { artifactType: artifactType ?? config?.mediaType ?? '', digest: `sha256:${hex}` };
    found.set(subject.digest, [...(found.get(subject.digest) ?? []), referrer]);
  }
  return found;
}

const ROOT = 'docker/registry/v2';

/** Returns the hexadecimal digests of the manifests of a repository. A deleted manifest leaves a directory without a link. */
async function revisions({ storageDirectory }: Storage, repository: string): Promise<readonly string[]> {
  const directory = join(storageDirectory, ROOT, 'repositories', repository, '_manifests/revisions/sha256');
  const found = await readdir(directory).catch(() => []);
  const links = await Promise.all(found.map((hex) => readFile(join(directory, hex, 'link')).catch(() => undefined)));
  return found.filter((_, at) => links[at] !== undefined);
}

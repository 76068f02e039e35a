import type { Descriptor, Manifest } from '../../src/domain/manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Registry, RegistryFailure, RegistryFailureKind, StoredManifest } from '../../src/ports.ts';
import { SAMPLE_COLLECTOR } from './sample-snapshot.ts';

/** The error that a `Registry` throws. */
export class Failure extends Error implements RegistryFailure {
  readonly kind: RegistryFailureKind;
  readonly reason = 'a failure';
  readonly url = 'https://registry.example.com/v2/';
  readonly request = {
    method: 'GET',
    path: '/v2/',
    status: 500,
    registryCode: 'UNKNOWN',
    registryMessage: 'unknown error',
  };

  constructor(kind: RegistryFailureKind) {
    super(`a failure of kind ${kind}`);
    this.kind = kind;
  }
}

export const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;

export function storedManifest(digest: Digest, sizeBytes: number, manifest: Manifest): StoredManifest {
  return { digest, sizeBytes, manifest, served: { contentType: '', body: new Uint8Array() } };
}

export const descriptor = (digest: Digest, mediaType: string, sizeBytes: number): Descriptor => ({
  digest,
  mediaType,
  sizeBytes,
});

/** An image whose digests are made from a letter: its manifest has 10 bytes, its config 1, and its layer `layerBytes`. */
export function image(letter: string, layerBytes = 100): StoredManifest {
  return storedManifest(`sha256:${letter.repeat(62)}00` as Digest, 10, {
    kind: 'image',
    config: descriptor(`sha256:${letter.repeat(62)}01` as Digest, 'application/vnd.oci.image.config.v1+json', 1),
    layers: [
      descriptor(`sha256:${letter.repeat(62)}02` as Digest, 'application/vnd.oci.image.layer.v1.tar', layerBytes),
    ],
  });
}

/** A registry in memory, which records its requests. */
export interface ToyRegistry extends Registry {
  /** By repository and tag. */
  readonly content: Map<string, Map<string, StoredManifest>>;
  /** Each request, such as `manifest group/app:1.0`. */
  readonly requests: string[];
  /** Returns the requests since the last call, sorted. */
  takeRequests(): readonly string[];
  push(repository: string, tag: string, manifest: StoredManifest): void;
}

export function createToyRegistry(answers: Partial<Registry> = {}): ToyRegistry {
  const content: ToyRegistry['content'] = new Map();
  const requests: string[] = [];
  const find = (repository: string, reference: string): StoredManifest | undefined => {
    const tags = content.get(repository);
    return tags?.get(reference) ?? [...(tags?.values() ?? [])].find(({ digest }) => digest === reference);
  };
  return {
    content,
    requests,
    takeRequests: () => requests.splice(0).sort(),
    push(repository, tag, manifest) {
      content.set(repository, (content.get(repository) ?? new Map()).set(tag, manifest));
    },
    async *repositories() {
      yield* [...content.keys()] as RepositoryName[];
    },
    isWanted: () => true,
    expect: async () => undefined,
    async tags(repository) {
      requests.push(`tags ${repository}`);
      return [...(content.get(repository)?.keys() ?? [])].map((name) => ({ name: name as TagName }));
    },
    async resolve(repository, tag, before) {
      const digest = find(repository, tag)?.digest;
      requests.push(`${before !== undefined && before === digest ? 'unchanged' : 'resolve'} ${repository}:${tag}`);
      return digest;
    },
    async manifest(repository, reference) {
      requests.push(`manifest ${repository}:${reference}`);
      return find(repository, reference);
    },
    garbageCollector: async () => SAMPLE_COLLECTOR,
    blobBytes: async (_repository, _digest, _signal, expectedBytes = 1) => expectedBytes,
    imageConfig: async () => ({ createdAt: undefined, platform: 'linux/amd64' }),
    referrers: async () => undefined,
    probePullThrough: async () => true,
    pullThrough: () => 'unseen',
    ...answers,
  };
}

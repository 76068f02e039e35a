import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Descriptor, Manifest } from '../../src/domain/manifest/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Registry, RegistryFailure, RegistryFailureKind, StoredManifest } from '../../src/ports.ts';
import { takeSnapshot } from '../support/take-snapshot.ts';

/* What a crawl does with a registry that misbehaves, at the port. */

class Failure extends Error implements RegistryFailure {
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

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;
const EMPTY: Manifest = { kind: 'index', manifests: [] };

const listed = (...names: string[]) => names.map((name) => ({ name: name as TagName }));

function stored(digest: Digest, sizeBytes: number, manifest: Manifest): StoredManifest {
  return { digest, sizeBytes, manifest, served: { contentType: '', body: new Uint8Array() } };
}

/** A registry of these repositories, each with one tag that points at nothing in particular. */
function registryOf(names: readonly string[], answers: Partial<Registry> = {}): Registry {
  return {
    async *repositories() {
      yield* names as RepositoryName[];
    },
    isWanted: () => true,
    expect: async () => undefined,
    tags: async () => listed('v1'),
    async resolve(name, tag, _, signal) {
      return (await this.manifest(name, tag, signal))?.digest;
    },
    manifest: async () => stored(digestOf('a'), 1, EMPTY),
    blobBytes: async () => 1,
    imageConfig: async () => undefined,
    referrers: async () => undefined,
    ...answers,
  };
}

/** Never answers, but to an abort. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });
}

test('a crawl that fails has stopped when it says so, and names the failure that ended it', async () => {
  let underWay = 0;
  let asked = 0;
  const registry = registryOf(['a', 'b', 'c', 'd', 'e', 'f'], {
    async tags(name, signal) {
      asked++;
      if (name !== 'c') return listed('v1', 'v2', 'v3');
      await turn();
      signal.throwIfAborted();
      throw new Failure('unavailable');
    },
    async manifest(_, __, signal) {
      asked++;
      underWay++;
      return hang(signal).finally(() => {
        underWay--;
      });
    },
  });
  await expect(takeSnapshot(registry, 3)).rejects.toThrow('a failure of kind unavailable');
  expect(underWay).toBe(0);
  const askedAtTheEnd = asked;
  await turn();
  await turn();
  expect(asked).toBe(askedAtTheEnd);
});

test('a list of repositories that breaks off ends the whole crawl, whatever its kind', async () => {
  const registry = registryOf([], {
    async *repositories() {
      yield 'a' as RepositoryName;
      throw new Failure('unreadable');
    },
    tags: (_, signal) => hang(signal),
  });
  await expect(takeSnapshot(registry, 2)).rejects.toThrow('a failure of kind unreadable');
});

test('whoever started the crawl can end it', async () => {
  const controller = new AbortController();
  const registry = registryOf(['a', 'b'], { tags: (_, signal) => hang(signal) });
  const crawling = takeSnapshot(registry, 4, { signal: controller.signal });
  await turn();
  controller.abort();
  await expect(crawling).rejects.toThrow(/abort/i);
});

test('referrers that cannot be listed leave what they refer to incomplete, with the bytes that it has', async () => {
  const registry = registryOf(['a'], {
    referrers: async () => {
      throw new Failure('forbidden');
    },
  });
  const { repositories, gaps } = await takeSnapshot(registry, 1);
  expect(repositories[0]?.tags[0]).toMatchObject({ status: 'incomplete', deduplicatedBytes: 1 });
  expect(gaps).toHaveLength(1);
});

test('a registry lists referrers by repository: each that holds the subject is asked, in whatever order', async () => {
  const referrer = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('b'), sizeBytes: 5 };
  const manifest: Registry['manifest'] = async (_, reference) =>
    reference === referrer.digest
      ? stored(referrer.digest, 5, { ...EMPTY, subject: digestOf('a') })
      : stored(digestOf('a'), 1, EMPTY);
  const asked: string[] = [];
  for (const order of [
    ['a', 'b'],
    ['b', 'a'],
  ]) {
    const registry = registryOf(order, {
      manifest,
      async referrers(name, digest) {
        asked.push(`${name}@${digest.slice(-1)}`);
        return name === 'b' && digest === digestOf('a') ? [referrer] : [];
      },
    });
    const { figures } = await takeSnapshot(registry, 1);
    expect(figures).toMatchObject({ deduplicatedBytes: 6, isComplete: true });
    expect(asked.splice(0).sort()).toEqual(['a@a', 'b@a', 'b@b']);
  }
});

test('a foreign layer counts 0 only where the registry says that it is not stored', async () => {
  const layer = {
    mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
    digest: digestOf('b'),
    sizeBytes: 50,
  };
  const config = { mediaType: 'application/vnd.example.config', digest: digestOf('c'), sizeBytes: 7 };
  const manifest: Manifest = { kind: 'image', config, layers: [layer] };
  const statusWith = async (blobBytes: Registry['blobBytes']) => {
    const registry = registryOf(['a'], { manifest: async () => stored(digestOf('a'), 1, manifest), blobBytes });
    return (await takeSnapshot(registry, 1)).repositories[0]?.tags[0];
  };
  expect(await statusWith(async () => undefined)).toMatchObject({ status: 'ok', sizeBytes: 0 });
  const refuse = async () => {
    throw new Failure('unreadable');
  };
  expect(await statusWith(refuse)).toMatchObject({ status: 'incomplete', sizeBytes: 0 });
});

test('a registry that goes away while referrers are listed is one failure, and nobody is left to reject unheard', async () => {
  const registry = registryOf(['a'], {
    referrers: async () => {
      throw new Failure('unavailable');
    },
  });
  const unheard: unknown[] = [];
  const listen = (error: unknown) => unheard.push(error);
  process.on('unhandledRejection', listen);
  try {
    await expect(takeSnapshot(registry, 1)).rejects.toThrow('a failure of kind unavailable');
    await turn();
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', listen);
  }
});

test('a tag without a legal name is one gap of its repository, and the other tags stay', async () => {
  const registry = registryOf(['group/app', 'group/other'], {
    tags: async (name) =>
      name === 'group/app' ? [...listed('v1'), { illegal: 'a b' }, { illegal: '-x' }] : listed('v1'),
  });
  const { repositories, gaps, figures, namespaces } = await takeSnapshot(registry, 2);
  expect(repositories.map(({ name, tags, isComplete }) => [name, tags.length, isComplete])).toEqual([
    ['group/app', 1, false],
    ['group/other', 1, true],
  ]);
  expect(gaps).toEqual([
    { repository: 'group/app', code: 'unreadable', reason: 'tags without a legal name: "-x", "a b"' },
  ]);
  expect([figures.isComplete, namespaces[0]?.isComplete]).toEqual([false, false]);
});

test('a repository without a legal name is a gap, and the snapshot is not complete', async () => {
  const registry = registryOf([], {
    async *repositories() {
      yield* [{ illegal: 'Group/App' }, 'group/app' as RepositoryName, { illegal: 'Group/App' }];
    },
  });
  const { repositories, gaps, figures } = await takeSnapshot(registry, 1);
  expect(repositories.map(({ name }) => name)).toEqual(['group/app']);
  expect(gaps).toEqual([
    { repository: 'Group/App', code: 'unreadable', reason: 'the registry lists it, but the name is not legal' },
  ]);
  expect(figures).toMatchObject({ isComplete: false, tagsCount: 1 });
});

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const child = (digest: Digest, mediaType = OCI_INDEX): Descriptor => ({ digest, mediaType, sizeBytes: 10 });
const numbered = (n: number) => `sha256:${n.toString(16).padStart(64, '0')}` as Digest;
const numberOf = (reference: string) => (reference.startsWith('sha256:') ? Number.parseInt(reference.slice(7), 16) : 0);

test('a child without a media type is a manifest like its siblings, and what it names counts', async () => {
  const layer = child(digestOf('c'), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const image: Manifest = { kind: 'image', config: child(digestOf('d'), ''), layers: [layer] };
  const registry = registryOf(['a'], {
    manifest: async (_, reference) =>
      reference === digestOf('b')
        ? stored(digestOf('b'), 7, image)
        : stored(digestOf('a'), 1, { kind: 'index', manifests: [child(digestOf('b'), '')] }),
  });
  const { repositories } = await takeSnapshot(registry, 2);
  expect(repositories[0]?.tags[0]).toMatchObject({ status: 'ok', sizeBytes: 10, deduplicatedBytes: 28 });
});

test('a registry that nests without end is followed so deep, also where each level lies in another repository', async () => {
  for (const hasIt of [() => true, (name: string, n: number) => n === 0 || (n % 2 === 0) === (name === 'a')]) {
    let deepest = 0;
    const registry = registryOf(['a', 'b'], {
      async manifest(name, reference) {
        const n = numberOf(reference);
        if (!hasIt(name, n)) return undefined;
        deepest = Math.max(deepest, n);
        const manifest: Manifest = { kind: 'index', manifests: [child(numbered(n + 1))] };
        return stored(numbered(n), 1, manifest);
      },
    });
    const { repositories, gaps } = await takeSnapshot(registry, 2);
    expect(deepest).toBe(32);
    expect(repositories[0]?.tags[0]?.status).toBe('incomplete');
    expect(gaps.map(({ code }) => code)).toEqual(['missing', 'missing']);
  }
});

test('what lies too deep below one tag is read below another that is closer to it', async () => {
  const registry = registryOf(['a', 'b'], {
    async manifest(name, reference) {
      const n = name === 'b' && reference === 'v1' ? 31 : numberOf(reference);
      const manifests = n < 40 ? [child(numbered(n + 1))] : [];
      return stored(numbered(n), 1, { kind: 'index', manifests });
    },
  });
  const { repositories } = await takeSnapshot(registry, 1);
  expect(repositories.map(({ tags }) => tags[0]?.status)).toEqual(['ok', 'ok']);
});

test('a registry that makes up new referrers for every manifest is asked for so many, and the other tags stay', async () => {
  let next = 1;
  let asked = 0;
  const registry = registryOf(['good', 'hostile'], {
    async manifest(name, reference) {
      asked++;
      if (name === 'good') return stored(digestOf('a'), 1, EMPTY);
      const layers = Array.from({ length: 1000 }, () => child(numbered(next++), 'application/x-layer'));
      const digest = reference === 'v1' ? digestOf('f') : (reference as Digest);
      return stored(digest, 1, { kind: 'image', config: child(numbered(next++), 'x/y'), layers });
    },
    referrers: async (name) =>
      name === 'good' ? [] : Array.from({ length: 10 }, () => child(numbered(1_000_000 + next++))),
  });
  const { repositories } = await takeSnapshot(registry, 4);
  expect(repositories.map(({ tags }) => tags[0]?.status)).toEqual(['ok', 'incomplete']);
  expect(asked).toBeLessThan(100);
});

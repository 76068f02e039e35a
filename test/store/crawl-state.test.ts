import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { schema1Manifest } from '../../lab/schema1.ts';
import { readManifest } from '../../src/domain/manifest/manifest.ts';
import { MANIFEST_TYPES } from '../../src/domain/manifest/media-types.ts';
import type { Digest, RepositoryName, TagName } from '../../src/domain/names.ts';
import type { RepositoryRecord } from '../../src/domain/snapshot/repository-record.ts';
import type { Gap } from '../../src/domain/snapshot/snapshot.ts';
import type { Catalogue, StoredManifest } from '../../src/ports.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { digest } from '../support/sample-graph.ts';
import { digestOf, image, stored } from '../support/sample-registry-content.ts';
import { newFile, open } from '../support/store-sample.ts';

/** Opens an empty catalogue, and gives a way to it: one of them through a new start each time. */
const CATALOGUES: Readonly<Record<string, () => () => Catalogue>> = {
  'in memory': () => {
    const { catalogue } = createMemoryStore();
    return () => catalogue;
  },
  SQLite: () => {
    const { catalogue } = open(newFile());
    return () => catalogue;
  },
  'SQLite without a file': () => {
    const { catalogue } = open(':memory:');
    return () => catalogue;
  },
  'SQLite, opened anew for every call': () => {
    const file = newFile();
    let store = open(file);
    return () => {
      store.close();
      store = open(file);
      return store.catalogue;
    };
  },
};

const name = (text: string): RepositoryName => text as RepositoryName;
const tag = (text: string): TagName => text as TagName;
const NOT_READ: Gap = { repository: 'a', code: 'forbidden', reason: 'no "access"\u0000\ud800' };

function record(text: string, reading?: Partial<RepositoryRecord['reading']>, failure?: Gap): RepositoryRecord {
  const empty = { readAt: 1, tags: [], illegalTags: [], referrers: [] };
  return { name: name(text), reading: reading && { ...empty, ...reading }, failure };
}

async function all(catalogue: Catalogue): Promise<readonly RepositoryRecord[]> {
  const records: RepositoryRecord[] = [];
  for await (const one of catalogue.repositories()) records.push(one);
  return records;
}

describe.each(Object.entries(CATALOGUES))('the catalogue %s', (_, createCatalogue) => {
  test('a manifest is read again as it was saved, and one that was not is not there', async () => {
    const catalogue = createCatalogue();
    const child = { mediaType: MANIFEST_TYPES.ociManifest, digest: digest('child'), size: 3 };
    const saved = [image('one'), stored({ manifests: [child] }, ''), signedSchema1(), withSha512('two')];
    for (const manifest of saved) await catalogue().saveManifest(manifest);
    const asked = [digest('other'), ...saved.map((manifest) => manifest.digest)];
    expect(await catalogue().heldManifests(asked)).toEqual(new Set(asked.slice(1)));
    expect(plain(await catalogue().manifests(asked))).toEqual(
      plain(new Map(saved.map((manifest) => [manifest.digest, manifest]))),
    );
  });

  test('configs are kept, whatever they name', async () => {
    const catalogue = createCatalogue();
    await catalogue().saveImageConfig(digest('a'), { createdAt: 5, platform: 'linux/amd64' });
    await catalogue().saveImageConfig(digest('b'), { createdAt: undefined, platform: undefined });
    await catalogue().saveImageConfig(digest('c'), { createdAt: undefined, platform: 'a\u0000/b\ud800' });
    expect(await catalogue().imageConfigs(['a', 'b', 'c', 'd'].map(digest))).toEqual(
      new Map([
        [digest('a'), { createdAt: 5, platform: 'linux/amd64' }],
        [digest('b'), { createdAt: undefined, platform: undefined }],
        [digest('c'), { createdAt: undefined, platform: 'a\u0000/b\ud800' }],
      ]),
    );
  });

  test('the bytes of a blob are kept, and that it is not stored', async () => {
    const catalogue = createCatalogue();
    const sizes = new Map<Digest, number | null>([
      [digest('a'), 0],
      [digest('b'), null],
      [digest('c'), 2 ** 60],
      [digest('d'), 1e25],
    ]);
    for (const [blob, bytes] of sizes) await catalogue().saveBlobBytes(blob, bytes);
    expect(await catalogue().blobBytes([...sizes.keys(), digest('e')])).toEqual(sizes);
    await catalogue().saveBlobBytes(digest('b'), 4);
    expect((await catalogue().blobBytes([digest('b')])).get(digest('b'))).toBe(4);
  });

  test('what a repository held is read again as it was saved, and the last word counts', async () => {
    const catalogue = createCatalogue();
    const gap: Gap = { ...NOT_READ, reference: tag('2'), code: 'missing', staleSince: 4 };
    const full = record(
      'a/b',
      {
        readAt: 1_700_000_000_123,
        tags: [
          { name: tag('1'), digest: digest('one') },
          { name: tag('2'), digest: undefined, gap },
        ],
        illegalTags: ['not legal', 'nor\u0000\ud800this'],
        referrers: [
          { subject: digest('one'), referrers: null },
          {
            subject: digest('two'),
            referrers: [
              { mediaType: 'x', digest: digest('x'), sizeBytes: undefined },
              { mediaType: '', digest: digest('y'), sizeBytes: 3, platform: 'a/b', isAttestation: true },
            ],
          },
        ],
      },
      NOT_READ,
    );
    await catalogue().saveRepository(full);
    expect(await catalogue().repository(name('a/b'))).toStrictEqual(full);
    for (const next of [record('a/b', undefined, NOT_READ), record('a/b', {}), record('a/b')]) {
      await catalogue().saveRepository(next);
      expect(await catalogue().repository(name('a/b'))).toStrictEqual(next);
    }
    expect(await catalogue().repository(name('a'))).toBeUndefined();
  });

  test('repositories come in the order of their names, also while others are saved', async () => {
    const catalogue = createCatalogue()();
    for (const text of ['b', 'a/b', 'a-b', 'a', 'a.b']) await catalogue.saveRepository(record(text));
    const seen: string[] = [];
    for await (const { name: found } of catalogue.repositories()) {
      seen.push(found);
      await catalogue.saveRepository(record(found, { readAt: 9 }));
    }
    expect(seen).toEqual(['a', 'a-b', 'a.b', 'a/b', 'b']);
    expect((await all(catalogue)).every(({ reading }) => reading?.readAt === 9)).toBe(true);
  });

  test('a repository of many tags is kept whole', async () => {
    const catalogue = createCatalogue();
    const tags = Array.from({ length: 25_001 }, (_, i) => ({ name: tag(`v${i}`), digest: digest(String(i % 7)) }));
    const referrers = tags.map(({ digest: subject }) => ({ subject, referrers: [] }));
    const many = record('a', { tags, referrers, illegalTags: tags.map((one) => `${one.name}:`) });
    await catalogue().saveRepository(many);
    expect(await catalogue().repository(name('a'))).toEqual(many);
  });

  test('of two readings of a repository the one that was saved last stays, however large the first is', async () => {
    const catalogue = createCatalogue()();
    const tags = Array.from({ length: 20_000 }, (_, i) => ({ name: tag(`v${i}`), digest: digest('x') }));
    await Promise.all([catalogue.saveRepository(record('a', { tags })), catalogue.saveRepository(record('a', {}))]);
    expect((await catalogue.repository(name('a')))?.reading?.tags).toEqual([]);
  });

  test('a crawl is unfinished from its beginning to its end, and takes away what it did not see', async () => {
    const catalogue = createCatalogue();
    expect(await catalogue().unfinished()).toBeUndefined();
    for (const text of ['a', 'b', 'c']) await catalogue().saveRepository(record(text));
    await catalogue().begin({ startedAt: 5, isThorough: false });
    await catalogue().begin({ startedAt: 7, isThorough: false });
    expect(await catalogue().unfinished()).toEqual({ startedAt: 7, isThorough: false });
    await catalogue().finish(new Set([name('a'), name('c'), name('d')]), new Set(['Not legal', '\u0000\ud800']));
    expect(await catalogue().unfinished()).toBeUndefined();
    expect((await all(catalogue())).map((one) => one.name)).toEqual(['a', 'c']);
    expect(await catalogue().illegalNames()).toEqual(new Set(['Not legal', '\u0000\ud800']));
  });

  test('a thorough crawl is known when it is finished', async () => {
    const catalogue = createCatalogue();
    const crawl = async (startedAt: number, isThorough: boolean) => {
      await catalogue().begin({ startedAt, isThorough });
      expect(await catalogue().unfinished()).toEqual({ startedAt, isThorough });
    };
    await crawl(1, true);
    expect(await catalogue().lastThoroughAt()).toBeUndefined();
    await catalogue().abandon();
    expect(await catalogue().lastThoroughAt()).toBeUndefined();
    await crawl(2, true);
    await catalogue().finish(new Set(), new Set());
    await crawl(3, false);
    await catalogue().finish(new Set(), new Set());
    expect(await catalogue().lastThoroughAt()).toBe(2);
  });

  test('a manifest that is forgotten was never read', async () => {
    const catalogue = createCatalogue();
    const [one, other] = [image('1'), image('2')];
    for (const manifest of [one, other]) await catalogue().saveManifest(manifest);
    await catalogue().forgetManifest(one.digest);
    expect(await catalogue().heldManifests([one.digest, other.digest])).toEqual(new Set([other.digest]));
    expect([...(await catalogue().manifests([one.digest, other.digest])).keys()]).toEqual([other.digest]);
  });

  test('what is pending counts when the crawl is finished, and not before', async () => {
    const catalogue = createCatalogue();
    const [before, after] = [record('a', { readAt: 1 }), record('a', { readAt: 2 })];
    await catalogue().saveRepository(before);
    await catalogue().begin({ startedAt: 1, isThorough: false });
    await catalogue().savePending(after);
    await catalogue().savePending(record('b', { readAt: 2 }));
    const withPending = async () => {
      const found = [];
      for await (const one of catalogue().repositories({ withPending: true })) found.push(one);
      return found;
    };
    expect([await all(catalogue()), await withPending()]).toEqual([[before], [after, record('b', { readAt: 2 })]]);
    expect([await catalogue().repository(name('a')), await catalogue().pending(name('a'))]).toEqual([before, after]);
    expect(await catalogue().names()).toEqual(['a']);
    await catalogue().finish(new Set([name('a'), name('b')]), new Set());
    expect(await all(catalogue())).toEqual([after, record('b', { readAt: 2 })]);
    expect(await catalogue().pending(name('a'))).toBeUndefined();
  });

  test('what is pending of a repository is gone when something newer counts, or the crawl is given up or begun anew', async () => {
    const catalogue = createCatalogue();
    const newer = record('a', { readAt: 9 });
    await catalogue().begin({ startedAt: 1, isThorough: false });
    await catalogue().savePending(record('a', { readAt: 2 }));
    await catalogue().saveRepository(newer);
    expect(await catalogue().pending(name('a'))).toBeUndefined();
    for (const end of [() => catalogue().abandon(), () => catalogue().begin({ startedAt: 3, isThorough: false })]) {
      await catalogue().savePending(record('b', { readAt: 2 }));
      await end();
      expect(await catalogue().pending(name('b'))).toBeUndefined();
    }
    expect(await all(catalogue())).toEqual([newer]);
  });

  test('a crawl that is not to be believed takes nothing away', async () => {
    const catalogue = createCatalogue();
    await catalogue().begin({ startedAt: 1, isThorough: false });
    await catalogue().saveRepository(record('a'));
    await catalogue().finish(new Set([name('a')]), new Set(['A']));
    await catalogue().begin({ startedAt: 2, isThorough: false });
    await catalogue().abandon();
    expect(await catalogue().unfinished()).toBeUndefined();
    expect((await all(catalogue())).map((one) => one.name)).toEqual(['a']);
    expect(await catalogue().illegalNames()).toEqual(new Set(['A']));
  });

  test('the latest pull counts, whatever order they come in', async () => {
    const catalogue = createCatalogue();
    const pull = (repository: string, reference: TagName | Digest, at: number) => ({
      repository: name(repository),
      reference,
      at,
    });
    await catalogue().savePulls([pull('a', tag('1'), 5), pull('a', tag('1'), 3), pull('b', tag('1'), 9)]);
    await catalogue().savePulls([pull('a', tag('1'), 4), pull('a', digest('x'), 1_700_000_000_123)]);
    expect(await catalogue().pulls(name('a'))).toEqual(
      new Map<string, number>([
        ['1', 5],
        [digest('x'), 1_700_000_000_123],
      ]),
    );
    expect(await catalogue().pulls(name('c'))).toEqual(new Map());
  });
});

test('any text at all comes back as it was', async () => {
  const { catalogue } = open(':memory:');
  const text = fc.string({ unit: 'binary' }).map((one) => `${one}\ud800\u0000`);
  const anyRecord = fc.record({ illegalTags: fc.array(text), reason: text, repository: text, at: fc.maxSafeNat() });
  await fc.assert(
    fc.asyncProperty(anyRecord, async ({ illegalTags, reason, repository, at }) => {
      const saved = record('a', { readAt: at, illegalTags }, { repository, reason, code: 'unreadable' });
      await catalogue.saveRepository(saved);
      expect(await catalogue.repository(name('a'))).toEqual(saved);
      await catalogue.finish(new Set(), new Set(illegalTags));
      expect(await catalogue.illegalNames()).toEqual(new Set(illegalTags));
    }),
  );
});

function signedSchema1(): StoredManifest {
  const { body } = schema1Manifest('a', '1', [digest('layer')]);
  const manifest = readManifest(MANIFEST_TYPES.dockerSchema1Signed, JSON.parse(body));
  if (manifest.kind === 'unsupported') throw new Error(manifest.reason);
  const served = { contentType: MANIFEST_TYPES.dockerSchema1Signed, body: Buffer.from(body) };
  return { digest: digestOf('the payload'), sizeBytes: 11, manifest, served };
}

function withSha512(text: string): StoredManifest {
  return { ...image(text), digest: `sha512:${'0'.repeat(128)}` as Digest };
}

/** Bytes compare by what they are, and not by the class that holds them. */
function plain(manifests: ReadonlyMap<Digest, StoredManifest>): unknown {
  return [...manifests.values()]
    .map(({ served, ...others }) => ({
      ...others,
      type: served.contentType,
      body: Buffer.from(served.body).toString(),
    }))
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

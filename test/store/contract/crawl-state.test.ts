import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest, RepositoryName, TagName } from '../../../src/domain/names.ts';
import type { RepositoryRecord } from '../../../src/domain/snapshot/repository-record.ts';
import type { Gap } from '../../../src/domain/snapshot/snapshot.ts';
import type { CrawlState } from '../../../src/ports.ts';
import { digest } from '../../support/sample-graph.ts';
import { ENGINES, SESSIONS, type Session } from './engines.ts';

const name = (text: string): RepositoryName => text as RepositoryName;
const tag = (text: string): TagName => text as TagName;
const FAILURE: Gap = { repository: 'a', code: 'forbidden', reason: 'no "access"\u0000\ud800' };

function record(text: string, content?: Partial<RepositoryRecord['content']>, failure?: Gap): RepositoryRecord {
  const empty = { readAt: 1, tags: [], illegalTags: [], referrers: [] };
  return { name: name(text), content: content && { ...empty, ...content }, failure };
}

/** Opens a new store and returns a function that gives its crawl state for one call. */
async function start(session: Session): Promise<() => Promise<CrawlState>> {
  const store = await session.start();
  return async () => (await store()).crawlState;
}

async function all(state: CrawlState, options?: { withPending: boolean }): Promise<readonly RepositoryRecord[]> {
  const records: RepositoryRecord[] = [];
  for await (const one of state.repositories(options)) records.push(one);
  return records;
}

describe.each(SESSIONS)('the crawl state of $name', (session) => {
  test('returns a record as it was saved, and the last one of several', async () => {
    const state = await start(session);
    const request = { method: 'GET', path: '/v2/', status: null, registryCode: 'DENIED', registryMessage: null };
    const gap: Gap = { ...FAILURE, reference: tag('2'), code: 'missing', request, staleSince: 4 };
    const full = record(
      'a/b',
      {
        readAt: 1_700_000_000_123,
        tags: [
          { name: tag('1'), digest: digest('one') },
          { name: tag('2'), digest: undefined, gap },
          {
            name: tag('3'),
            digest: digest('one'),
            times: { createdAt: 1_714_979_289_123, updatedAt: undefined, publishedAt: 1_714_979_289_123 },
          },
          {
            name: tag('4'),
            digest: undefined,
            gap,
            times: { createdAt: undefined, updatedAt: 1_714_979_289_124, publishedAt: undefined },
          },
        ],
        illegalTags: ['not legal', 'nor\u0000\ud800this'],
        cut: 'the list may go on\u0000\ud800',
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
      FAILURE,
    );
    await (await state()).saveRepository(full);
    expect(await (await state()).repository(name('a/b'))).toStrictEqual(full);
    for (const next of [record('a/b', undefined, FAILURE), record('a/b', {}), record('a/b')]) {
      await (await state()).saveRepository(next);
      expect(await (await state()).repository(name('a/b'))).toStrictEqual(next);
    }
    expect(await (await state()).repository(name('a'))).toBeUndefined();
  });

  test('yields repositories in the order of their names, also while records are saved', async () => {
    const state = await (await start(session))();
    for (const text of ['b', 'a/b', 'a-b', 'a', 'a.b']) await state.saveRepository(record(text));
    const seen: string[] = [];
    for await (const { name: found } of state.repositories()) {
      seen.push(found);
      await state.saveRepository(record(found, { readAt: 9 }));
    }
    expect(seen).toEqual(['a', 'a-b', 'a.b', 'a/b', 'b']);
    expect((await all(state)).every(({ content }) => content?.readAt === 9)).toBe(true);
  });

  test('keeps a repository of many tags complete', async () => {
    const state = await start(session);
    const tags = Array.from({ length: 25_001 }, (_, i) => ({ name: tag(`v${i}`), digest: digest(String(i % 7)) }));
    const referrers = tags.map(({ digest: subject }) => ({ subject, referrers: [] }));
    const many = record('a', { tags, referrers, illegalTags: tags.map((one) => `${one.name}:`) });
    await (await state()).saveRepository(many);
    expect(await (await state()).repository(name('a'))).toEqual(many);
  });

  test('keeps the record that was saved last, however large the one before it is', async () => {
    const state = await (await start(session))();
    const tags = Array.from({ length: 20_000 }, (_, i) => ({ name: tag(`v${i}`), digest: digest('x') }));
    await Promise.all([state.saveRepository(record('a', { tags })), state.saveRepository(record('a', {}))]);
    expect((await state.repository(name('a')))?.content?.tags).toEqual([]);
  });

  test('has an unfinished crawl between begin and finish, which deletes the repositories that it is not given', async () => {
    const state = await start(session);
    expect(await (await state()).unfinished()).toBeUndefined();
    for (const text of ['a', 'b', 'c']) await (await state()).saveRepository(record(text));
    await (await state()).begin({ startedAt: 5, isThorough: false });
    await (await state()).begin({ startedAt: 7, isThorough: false });
    expect(await (await state()).unfinished()).toEqual({ startedAt: 7, isThorough: false });
    await (await state()).finish(new Set([name('a'), name('c'), name('d')]), {
      illegal: new Set(['Not legal', '\u0000\ud800']),
      cut: 'cut off\u0000\ud800',
    });
    expect(await (await state()).unfinished()).toBeUndefined();
    expect((await all(await state())).map((one) => one.name)).toEqual(['a', 'c']);
    expect(await (await state()).illegalNames()).toEqual(new Set(['Not legal', '\u0000\ud800']));
    expect(await (await state()).cut()).toBe('cut off\u0000\ud800');
  });

  test('returns the start of the last thorough crawl that was finished', async () => {
    const state = await start(session);
    const begin = async (startedAt: number, isThorough: boolean) => {
      await (await state()).begin({ startedAt, isThorough });
      expect(await (await state()).unfinished()).toEqual({ startedAt, isThorough });
    };
    await begin(1, true);
    expect(await (await state()).lastThoroughAt()).toBeUndefined();
    await (await state()).abandon();
    expect(await (await state()).lastThoroughAt()).toBeUndefined();
    await begin(2, true);
    await (await state()).finish(new Set(), { illegal: new Set() });
    await begin(3, false);
    await (await state()).finish(new Set(), { illegal: new Set() });
    expect(await (await state()).lastThoroughAt()).toBe(2);
  });

  test('keeps pending records apart until the crawl is finished', async () => {
    const state = await start(session);
    const [before, after] = [record('a', { readAt: 1 }), record('a', { readAt: 2 })];
    await (await state()).saveRepository(before);
    await (await state()).begin({ startedAt: 1, isThorough: false });
    await (await state()).savePending(after);
    await (await state()).savePending(record('b', { readAt: 2 }));
    expect(await all(await state())).toEqual([before]);
    expect(await all(await state(), { withPending: true })).toEqual([after, record('b', { readAt: 2 })]);
    expect(await (await state()).repository(name('a'))).toEqual(before);
    expect(await (await state()).pending(name('a'))).toEqual(after);
    expect(await (await state()).names()).toEqual(['a']);
    await (await state()).finish(new Set([name('a'), name('b')]), { illegal: new Set() });
    expect(await all(await state())).toEqual([after, record('b', { readAt: 2 })]);
    expect(await (await state()).pending(name('a'))).toBeUndefined();
  });

  test('deletes pending records when a newer record is saved, and when the crawl is abandoned or begun again', async () => {
    const state = await start(session);
    const newer = record('a', { readAt: 9 });
    await (await state()).begin({ startedAt: 1, isThorough: false });
    await (await state()).savePending(record('a', { readAt: 2 }));
    await (await state()).saveRepository(newer);
    expect(await (await state()).pending(name('a'))).toBeUndefined();
    const abandon = async () => (await state()).abandon();
    const beginAgain = async () => (await state()).begin({ startedAt: 3, isThorough: false });
    for (const end of [abandon, beginAgain]) {
      await (await state()).savePending(record('b', { readAt: 2 }));
      await end();
      expect(await (await state()).pending(name('b'))).toBeUndefined();
    }
    expect(await all(await state())).toEqual([newer]);
  });

  test('keeps repositories and illegal names when a crawl is abandoned', async () => {
    const state = await start(session);
    await (await state()).begin({ startedAt: 1, isThorough: false });
    await (await state()).saveRepository(record('a'));
    await (await state()).finish(new Set([name('a')]), { illegal: new Set(['A']), cut: 'cut off' });
    await (await state()).begin({ startedAt: 2, isThorough: false });
    await (await state()).abandon();
    expect(await (await state()).unfinished()).toBeUndefined();
    expect((await all(await state())).map((one) => one.name)).toEqual(['a']);
    expect(await (await state()).illegalNames()).toEqual(new Set(['A']));
    expect(await (await state()).cut()).toBe('cut off');
  });

  test('keeps the latest pull, in any order of saving', async () => {
    const state = await start(session);
    const pull = (repository: string, reference: TagName | Digest, at: number) => ({
      repository: name(repository),
      reference,
      at,
    });
    await (await state()).savePulls([pull('a', tag('1'), 5), pull('a', tag('1'), 3), pull('b', tag('1'), 9)]);
    await (await state()).savePulls([pull('a', tag('1'), 4), pull('a', digest('x'), 1_700_000_000_123)]);
    expect(await (await state()).pulls(name('a'))).toEqual(
      new Map<string, number>([
        ['1', 5],
        [digest('x'), 1_700_000_000_123],
      ]),
    );
    expect(await (await state()).pulls(name('c'))).toEqual(new Map());
  });
});

test.each(ENGINES)('$name returns any text unchanged', async ({ newPlace }) => {
  const { crawlState } = await newPlace().open();
  const text = fc.string({ unit: 'binary' }).map((one) => `${one}\ud800\u0000`);
  const anyRecord = fc.record({ illegalTags: fc.array(text), reason: text, repository: text, at: fc.maxSafeNat() });
  await fc.assert(
    fc.asyncProperty(anyRecord, async ({ illegalTags, reason, repository, at }) => {
      const saved = record('a', { readAt: at, illegalTags }, { repository, reason, code: 'unreadable' });
      await crawlState.saveRepository(saved);
      expect(await crawlState.repository(name('a'))).toEqual(saved);
      await crawlState.finish(new Set(), { illegal: new Set(illegalTags) });
      expect(await crawlState.illegalNames()).toEqual(new Set(illegalTags));
    }),
  );
});

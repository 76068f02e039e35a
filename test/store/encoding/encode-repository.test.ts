import { expect, test } from 'vitest';
import type { TagName } from '../../../src/domain/names.ts';
import { decodeContent, encodeContent } from '../../../src/store/encoding/encode-repository.ts';
import { digest } from '../../support/sample-graph.ts';

test('reads content that an earlier version stored, without the times of tags and without the end of the list', async () => {
  const earlier = [
    `{"tags":[["1.0","${digest('one')}"],["2.0",null,{"repository":"a","reference":"2.0","code":"missing","reason":"gone"}]]}`,
    '{"illegalTags":["no tag"]}',
    `{"referrers":[["${digest('one')}",null]]}`,
  ];
  expect(await decodeContent(5, Buffer.from(earlier.join('\n')))).toStrictEqual({
    readAt: 5,
    tags: [
      { name: '1.0', digest: digest('one') },
      {
        name: '2.0',
        digest: undefined,
        gap: { repository: 'a', reference: '2.0', code: 'missing', reason: 'gone' },
      },
    ],
    illegalTags: ['no tag'],
    referrers: [{ subject: digest('one'), referrers: null }],
  });
});

test('keeps the times of many tags beside their digests', async () => {
  const tags = Array.from({ length: 2500 }, (_, i) => ({
    name: `t${i}` as TagName,
    digest: digest('one'),
    ...(i % 2 === 0 && { times: { createdAt: i, updatedAt: undefined, publishedAt: i } }),
  }));
  const bytes = await encodeContent({ readAt: 1, tags, illegalTags: [], referrers: [] });
  expect(await decodeContent(1, bytes)).toStrictEqual({ readAt: 1, tags, illegalTags: [], referrers: [] });
});

import { expect, test } from 'vitest';
import { readImageConfig } from '../../../src/domain/manifest/image-config.ts';

const NOON = Date.UTC(2024, 0, 1, 12);

test('reads creation time and platform, and ignores placeholders and invalid times', () => {
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
  expect(readImageConfig({ created: '2024-01-01T12:00:00Z', ...platform })).toEqual({
    createdAt: NOON,
    platform: 'linux/arm/v7',
  });
  const createdAt = (created: unknown) => readImageConfig({ created }).createdAt;
  expect(createdAt('2024-01-01T13:00:00.000000000+01:00')).toBe(NOON);
  for (const none of ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1970-01-01T00:00:01Z', '', 'yesterday', '2024'])
    expect(createdAt(none), none).toBeUndefined();
  for (const none of [undefined, null, 1704110400000, {}, '2024-13-01T00:00:00Z'])
    expect(createdAt(none), String(none)).toBeUndefined();
});

test('returns nothing for a body that is not a config, and for half a platform', () => {
  const nothing = { createdAt: undefined, platform: undefined };
  for (const body of [undefined, null, 'text', 7, [], {}, { os: 'linux' }, { architecture: 'amd64' }])
    expect(readImageConfig(body)).toEqual(nothing);
  expect(readImageConfig({ os: '', architecture: '', created: '0001-01-01T00:00:00Z' })).toEqual(nothing);
  expect(readImageConfig({ os: 'unknown', architecture: 'unknown' })).toEqual(nothing);
  expect(readImageConfig({ os: 'linux', architecture: 'x'.repeat(1000) }).platform).toHaveLength(100);
});

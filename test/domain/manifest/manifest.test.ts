import { expect, test } from 'vitest';
import { readManifest } from '../../../src/domain/manifest/manifest.ts';
import { config, digest } from '../../support/sample-graph.ts';

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const configField = { mediaType: config.mediaType, digest: config.digest, size: 7 };

test('reads a manifest by its Content-Type, else by its mediaType, else by its fields', () => {
  const body = { schemaVersion: 2, manifests: [] };
  const index = (mediaType: string) => ({ kind: 'index', mediaType, manifests: [] });
  expect(readManifest(`${OCI_INDEX}; charset=utf-8`, body)).toEqual(index(OCI_INDEX));
  expect(readManifest('application/json', { ...body, mediaType: DOCKER_LIST })).toEqual(index(DOCKER_LIST));
  expect(readManifest('application/json', { ...body, mediaType: 'constructor' })).toEqual(index('constructor'));
  expect(readManifest(undefined, body)).toEqual({ kind: 'index', manifests: [] });
  expect(readManifest('text/plain', { fsLayers: [{ blobSum: digest('a') }] })).toEqual({
    kind: 'schema1',
    layers: [digest('a')],
  });
});

test.for([
  ['without a known field', { hello: 1 }, /./],
  ['without a config', { layers: [] }, /config/],
  ['with a layer that has no valid digest', { config: configField, layers: [{ digest: 'nonsense' }] }, /nonsense/],
  ['that is not an object', 'text', /./],
] as const)('returns the reason for a body %s', ([, body, reason]) => {
  expect(readManifest(undefined, body)).toMatchObject({ kind: 'unsupported', reason: expect.stringMatching(reason) });
});

test.for([{ size: -1 }, { size: 1.5 }, { size: '12' }, { size: null }, {}, { size: 2 ** 60 }])(
  'treats a size that is not a number of bytes as unknown: %j',
  (size) => {
    const layers = [{ mediaType: LAYER, digest: digest('a'), ...size }];
    expect(readManifest(undefined, { config: configField, layers })).toEqual({
      kind: 'image',
      config,
      layers: [{ mediaType: LAYER, digest: digest('a'), sizeBytes: undefined }],
    });
  },
);

test('cuts long media types', () => {
  const type = `application/${'x'.repeat(10_000)}`;
  const body = { config: { ...configField, mediaType: type }, layers: [], artifactType: type };
  expect(readManifest(undefined, body)).toMatchObject({
    config: { mediaType: type.slice(0, 255) },
    artifactType: type.slice(0, 255),
  });
});

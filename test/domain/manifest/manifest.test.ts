import { expect, test } from 'vitest';
import { readManifest } from '../../../src/domain/manifest/manifest.ts';
import { isManifestChildType } from '../../../src/domain/manifest/media-types.ts';
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

const IMAGE_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const ARTIFACT_TYPE = 'application/vnd.oci.artifact.manifest.v1+json';
const one = { mediaType: LAYER, digest: digest('a'), size: 1000 };
const oneLayer = { mediaType: LAYER, digest: digest('a'), sizeBytes: 1000 };

test('reads an image by its own content if the Content-Type is that of an index', () => {
  const image = { config: configField, layers: [one] };
  const expected = { kind: 'image', config, layers: [oneLayer] };
  expect(readManifest(OCI_INDEX, image)).toEqual(expected);
  expect(readManifest(OCI_INDEX, { ...image, mediaType: IMAGE_TYPE })).toEqual({ ...expected, mediaType: IMAGE_TYPE });
});

test.for([
  ['without the list of its media type', undefined, { mediaType: IMAGE_TYPE, config: configField }],
  ['without the list of its Content-Type', OCI_INDEX, { schemaVersion: 2 }],
  ['with the list of another media type', IMAGE_TYPE, { mediaType: OCI_INDEX, config: configField, layers: [one] }],
  ['with two lists', OCI_INDEX, { mediaType: OCI_INDEX, manifests: [], config: configField, layers: [one] }],
] as const)('takes a body %s for contradictory, not for empty', ([, contentType, body]) => {
  expect(readManifest(contentType, body)).toMatchObject({ kind: 'contradictory' });
});

test('reads the withdrawn artifact manifest, whose blobs count as layers', () => {
  const body = {
    mediaType: ARTIFACT_TYPE,
    artifactType: 'application/vnd.example.sbom',
    blobs: [{ ...one, size: 50_000 }],
  };
  expect(readManifest(ARTIFACT_TYPE, body)).toEqual({
    kind: 'artifact',
    mediaType: ARTIFACT_TYPE,
    artifactType: 'application/vnd.example.sbom',
    layers: [{ ...oneLayer, sizeBytes: 50_000 }],
  });
});

test.for([ARTIFACT_TYPE, 'application/vnd.example.manifest.v2+json', 'application/vnd.example.index+json'])(
  'the child of an index with the type %s is read as a manifest',
  (type) => expect(isManifestChildType(type)).toBe(true),
);

test('cuts long media types', () => {
  const type = `application/${'x'.repeat(10_000)}`;
  const body = { config: { ...configField, mediaType: type }, layers: [], artifactType: type };
  expect(readManifest(undefined, body)).toMatchObject({
    config: { mediaType: type.slice(0, 255) },
    artifactType: type.slice(0, 255),
  });
});

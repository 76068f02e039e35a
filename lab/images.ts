import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export const TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociForeignLayer: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerForeignLayer: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  dockerSchema1: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  helmConfig: 'application/vnd.cncf.helm.config.v1+json',
  helmLayer: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
  buildkitCache: 'application/vnd.buildkit.cacheconfig.v0',
  exampleModel: 'application/vnd.example.model.v1',
  exampleSbom: 'application/vnd.example.sbom.v1',
} as const;

export interface LabDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A blob and its descriptor. */
export interface LabBlob {
  readonly descriptor: LabDescriptor;
  readonly bytes: Buffer;
}

export function blob(mediaType: string, bytes: Buffer): LabBlob {
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

/** Returns a layer of about `sizeBytes` incompressible bytes. The same name gives the same bytes. */
export function layer(name: string, sizeBytes: number, mediaType: string = TYPES.ociLayer): LabBlob {
  const noise = Buffer.concat(
    Array.from({ length: Math.ceil(sizeBytes / 64) }, (_, i) => createHash('sha512').update(`${name} ${i}`).digest()),
  ).subarray(0, sizeBytes);
  return blob(mediaType, gzipSync(noise));
}

/** Returns the config of an image. The same name gives the same config. */
export function config(
  name: string,
  mediaType: string = TYPES.ociConfig,
  { created = '2024-05-06T07:08:09Z' }: { readonly created?: string } = {},
): LabBlob {
  const value = {
    architecture: 'amd64',
    os: 'linux',
    created,
    author: name,
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  };
  return blob(mediaType, Buffer.from(JSON.stringify(value)));
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

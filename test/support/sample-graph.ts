import type { Descriptor } from '../../src/domain/manifest/manifest.ts';
import type { Digest } from '../../src/domain/names.ts';

/** Returns a digest that contains the text in hexadecimal. */
export function digest(text: string): Digest {
  return `sha256:${Buffer.from(text).toString('hex').padStart(64, '0')}` as Digest;
}

export function layer(name: string, sizeBytes: number): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest(name), sizeBytes };
}

/** A config of seven bytes that all images share. */
export const config: Descriptor = {
  mediaType: 'application/vnd.oci.image.config.v1+json',
  digest: digest('config'),
  sizeBytes: 7,
};

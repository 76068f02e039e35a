declare const brand: unique symbol;

/** A content address such as `sha256:<64 hex>` (OCI image-spec, descriptor.md, "Digests"); a value of this type has been checked. */
export type Digest = string & { readonly [brand]: 'Digest' };
/** A repository's full path, such as `group/project/image`; a value of this type has been checked. */
export type RepositoryName = string & { readonly [brand]: 'RepositoryName' };
/** A tag such as `1.0`, case-sensitive; a value of this type has been checked. */
export type TagName = string & { readonly [brand]: 'TagName' };

const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const SHA256 = /^sha256:[a-f0-9]{64}$/;
const HEX_LENGTH: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);
/** Digests of the registered algorithms have at most 135 characters. The specification sets no limit. */
const MAX_DIGEST_LENGTH = 255;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const MAX_REPOSITORY_NAME_LENGTH = 255;

/** Returns the text as a digest, or undefined if it is not one. For the registered algorithms, checks the length too. */
export function parseDigest(text: string): Digest | undefined {
  if (SHA256.test(text)) return text as Digest;
  if (text.length > MAX_DIGEST_LENGTH || !DIGEST.test(text)) return undefined;
  const [algorithm = '', encoded = ''] = text.split(':');
  const length = HEX_LENGTH.get(algorithm);
  if (length !== undefined && (encoded.length !== length || !/^[a-f0-9]+$/.test(encoded))) return undefined;
  return text as Digest;
}

/** Returns the text as a repository name, or undefined if it is not one (OCI distribution-spec, "Pulling manifests"; at most 255 characters). */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= MAX_REPOSITORY_NAME_LENGTH && REPOSITORY.test(text) ? (text as RepositoryName) : undefined;
}

/** Returns the text as a tag name, or undefined if it is not one (OCI distribution-spec, "Pulling manifests"). */
export function parseTagName(text: string): TagName | undefined {
  return TAG.test(text) ? (text as TagName) : undefined;
}

/** Compares names as bytes, independent of the locale. Names are ASCII, so this is also the order of their UTF-16 code units. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

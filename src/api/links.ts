/** The only place where URLs are built: everything below the prefix, every name one percent-encoded segment. */
export interface Links {
  repositories(): string;
  repository(name: string): string;
  tags(repository: string): string;
  tag(repository: string, name: string): string;
}

/** Says of a path that its slashes are its own: nothing in it was decoded on the way. */
export const EXACT_PARAMETER = 'exact';

/** @param prefix '' or a path such as `/usage`, without a slash at its end */
export function createLinks(prefix: string): Links {
  const repositories = `${prefix}/repositories`;
  const repository = (name: string): string => `${repositories}/${encodeSegment(name)}`;
  const tags = (name: string): string => `${repository(name)}/tags`;
  return {
    repositories: () => repositories,
    repository,
    tags,
    tag: (name, tag) => `${tags(name)}/${encodeSegment(tag)}`,
  };
}

export function encodeSegment(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** What a segment spells. Bytes that are no UTF-8 become U+FFFD, and a `%` that escapes nothing stays: the name is then not found, and can be named. */
export function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    const bytes = segment.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return Buffer.from(bytes, 'latin1').toString('utf8');
  }
}

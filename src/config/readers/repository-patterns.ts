import { parseRepositoryName } from '../../domain/names.ts';
import type { Reader } from './key.ts';
import { words } from './readers.ts';

/** The characters of repository names, and the wildcards. */
const PATTERN = /^[a-z0-9*?][a-z0-9._*?-]*(?:\/[a-z0-9*?][a-z0-9._*?-]*)*$/;
/** GitLab's rule for paths. They may contain capital letters, which the registry converts to lower case. */
const NAMESPACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** Reads repository names and patterns, separated by spaces or commas; none for an empty text. */
export const patterns: Reader<readonly string[]> = (text) => {
  const found = words(text);
  if (found.some((word) => /[A-Z]/.test(word)))
    return { wrong: 'contains a capital letter, which repository names must not have' };
  const isUsable = (word: string) => (/[*?]/.test(word) ? PATTERN.test(word) : parseRepositoryName(word) !== undefined);
  if (!found.every(isUsable)) return { wrong: 'contains an entry that matches no repository name' };
  return { value: [...new Set(found)] };
};

/** Reads paths of groups and projects, separated by spaces or commas, with or without slashes around them; none for an empty text. */
export const namespaces: Reader<readonly string[]> = (text) => {
  const found = words(text).map((word) => word.replace(/^\/|\/$/g, ''));
  if (!found.every((path) => NAMESPACE.test(path))) return { wrong: 'contains an entry that is not a path' };
  return { value: [...new Set(found)] };
};

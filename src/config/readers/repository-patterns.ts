import { parseRepositoryName } from '../../domain/names.ts';
import type { Reader } from './key.ts';
import { words } from './readers.ts';

/** What a name can hold, and the signs of a pattern in place of any of it. */
const PATTERN = /^[a-z0-9*?][a-z0-9._*?-]*(?:\/[a-z0-9*?][a-z0-9._*?-]*)*$/;
/** GitLab's own rule for a path; it may hold capital letters, which the registry does not see. */
const NAMESPACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** Names of repositories and patterns for them, separated by spaces or commas; none for an empty text. */
export const patterns: Reader<readonly string[]> = (text) => {
  const found = words(text);
  if (found.some((word) => /[A-Z]/.test(word))) return { wrong: 'holds a capital letter, which no repository has' };
  const isUsable = (word: string) => (/[*?]/.test(word) ? PATTERN.test(word) : parseRepositoryName(word) !== undefined);
  if (!found.every(isUsable)) return { wrong: 'holds an entry that fits no repository' };
  return { value: [...new Set(found)] };
};

/** Paths of groups and projects, separated by spaces or commas, with or without slashes around them; none for an empty text. */
export const namespaces: Reader<readonly string[]> = (text) => {
  const found = words(text).map((word) => word.replace(/^\/|\/$/g, ''));
  if (!found.every((path) => NAMESPACE.test(path))) return { wrong: 'holds an entry that is no path' };
  return { value: [...new Set(found)] };
};

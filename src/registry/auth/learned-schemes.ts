import { type Scheme, schemeKey } from './scheme.ts';
import { CATALOG, type TokenSubject } from './token-scope.ts';

/** The schemes that have worked, so that no request is refused a second time. It outlives a crawl: a later refusal corrects it. */
export interface LearnedSchemes {
  /** Undefined if nothing is known of these URLs. */
  schemeFor(subject: TokenSubject, path: string): Scheme | undefined;
  /** Reports that the registry has let a request through. */
  works(subject: TokenSubject, path: string, scheme: Scheme): void;
  forget(): void;
}

/** More exceptions than this are forgotten. */
const MOST_EXCEPTIONS = 10_000;

/**
 * Remembers one scheme per kind of URL, because a registry may ask for another scheme for its catalogue than for its repositories, and one per
 * repository that differs from the others, because a proxy may ask for another scheme in one namespace.
 */
export function createLearnedSchemes(): LearnedSchemes {
  const byKind = new Map<string, Scheme>();
  const exceptions = new Map<string, Scheme>();
  return {
    schemeFor(subject, path) {
      const kind = kindOf(subject, path);
      return (exceptions.size > 0 ? exceptions.get(exceptionKey(kind, subject)) : undefined) ?? byKind.get(kind);
    },
    works(subject, path, scheme) {
      const kind = kindOf(subject, path);
      const known = byKind.get(kind);
      if (known === undefined) byKind.set(kind, scheme);
      if (known === undefined || known === scheme) return;
      const key = exceptionKey(kind, subject);
      if (exceptions.get(key) === scheme) return;
      if (schemeKey(known) === schemeKey(scheme)) exceptions.delete(key);
      else if (exceptions.size >= MOST_EXCEPTIONS) exceptions.clear();
      else exceptions.set(key, scheme);
    },
    forget() {
      byKind.clear();
      exceptions.clear();
    },
  };
}

type UrlKind = 'catalogue' | 'referrers' | 'gitlab' | 'repository';

function kindOf(subject: TokenSubject, path: string): UrlKind {
  if (subject === CATALOG) return 'catalogue';
  if (path.startsWith('gitlab/')) return 'gitlab';
  return path.includes('/referrers/') ? 'referrers' : 'repository';
}

function exceptionKey(kind: UrlKind, subject: TokenSubject): string {
  return `${kind} ${String(subject)}`;
}

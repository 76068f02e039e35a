import { PATHS } from '../route-table.ts';
import type { EntryPoint } from '../schemas/entry-point.ts';
import { createLinks, LIST_PARAMETERS, RESOURCE_PARAMETERS, withTemplate } from './links.ts';

export const PRODUCT = 'gitlab-registry-usage-rest';

/** What the entry point needs to know of a resource of a snapshot. */
export interface LinkedResource {
  readonly kind: 'collection' | 'single';
  readonly path: string;
  readonly relation: string;
}

/** Represents the entry point, which links to all other resources. It needs no token, so it contains nothing from the registry. */
export function representEntryPoint(prefix: string, version: string, resources: readonly LinkedResource[]): EntryPoint {
  const links = createLinks(prefix);
  const templates = resources.map(({ kind, path, relation }) => {
    const parameters = kind === 'collection' ? LIST_PARAMETERS : RESOURCE_PARAMETERS;
    return [relation, withTemplate(prefix + inEntryPoint(path), parameters)] as const;
  });
  return {
    name: PRODUCT,
    version,
    _links: {
      self: { href: links.entryPoint() },
      auth_token: { href: links.authToken() },
      ...Object.fromEntries(templates),
      crawl: { href: links.crawl() },
      live: { href: links.live() },
      ready: { href: links.ready() },
      // RFC 8631, 4.
      'service-desc': { href: links.openapi(), type: 'application/json' },
      'service-doc': { href: links.docs(), type: 'text/html' },
    },
  };
}

/** The templates of the entry point call the name of a repository `name`; the routes and OpenAPI call it `repository`. */
function inEntryPoint(path: string): string {
  return path.replace(PATHS.repository, `${PATHS.repositories}/{name}`);
}

import type { EntryPoint } from '../schemas/entry-point.ts';
import { createLinks, LIST_PARAMETERS, withTemplate } from './links.ts';

export const PRODUCT = 'gitlab-registry-usage-rest';

/** `GET /`: where everything else is found. It tells nothing of the registry, so that it needs no token. */
export function representEntryPoint(prefix: string, version: string): EntryPoint {
  const links = createLinks(prefix);
  const template = (href: (name: string) => string): string => href('{}').replace(encodeURIComponent('{}'), '');
  const one = (href: string) => withTemplate(href, ['embed', 'links']);
  const list = (href: string) => withTemplate(href, LIST_PARAMETERS);
  return {
    name: PRODUCT,
    version,
    _links: {
      self: { href: links.root() },
      auth_token: { href: links.authToken() },
      repositories: list(links.repositories()),
      repository: one(`${template(links.repository)}{name}`),
      tags: list(`${template(links.repository)}{name}/tags`),
      tag: one(`${template(links.repository)}{name}/tags/{tag}`),
      tag_blobs: list(`${template(links.repository)}{name}/tags/{tag}/blobs`),
      all_tags: list(links.allTags()),
      namespaces: list(links.namespaces()),
      namespace: list(`${template(links.namespace)}{path}`),
      blobs: list(links.blobs()),
      blob: list(`${template(links.blob)}{digest}`),
      gaps: list(links.gaps()),
      crawl: { href: links.collection() },
      live: { href: links.live() },
      ready: { href: links.ready() },
      // RFC 8631, 4.
      'service-desc': { href: links.openapi(), type: 'application/json' },
      'service-doc': { href: links.docs(), type: 'text/html' },
    },
  };
}

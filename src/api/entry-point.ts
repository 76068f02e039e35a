import { createLinks } from './links.ts';
import type { Representation } from './representations.ts';

export const PRODUCT = 'gitlab-registry-usage-rest';

/** `GET /`: where everything else is found. It tells nothing of the registry, so that it needs no token. */
export function representEntryPoint(prefix: string, version: string): Representation {
  const links = createLinks(prefix);
  const template = (href: (name: string) => string): string => href('{}').replace(encodeURIComponent('{}'), '');
  const wants = '{?embed,links}';
  return {
    name: PRODUCT,
    version,
    _links: {
      self: { href: links.root() },
      auth_token: { href: links.authToken() },
      repositories: { href: `${links.repositories()}${wants}`, templated: true },
      repository: { href: `${template(links.repository)}{name}${wants}`, templated: true },
      tags: { href: `${template(links.repository)}{name}/tags${wants}`, templated: true },
      tag: { href: `${template(links.repository)}{name}/tags/{tag}${wants}`, templated: true },
      tag_blobs: { href: `${template(links.repository)}{name}/tags/{tag}/blobs${wants}`, templated: true },
      namespaces: { href: `${links.namespaces()}${wants}`, templated: true },
      namespace: { href: `${template(links.namespace)}{path}${wants}`, templated: true },
      blobs: { href: `${links.blobs()}{?page,per_page,embed,links}`, templated: true },
      blob: { href: `${template(links.blob)}{digest}${wants}`, templated: true },
      gaps: { href: links.gaps() },
      crawl: { href: links.collection() },
      live: { href: links.live() },
      ready: { href: links.ready() },
    },
  };
}

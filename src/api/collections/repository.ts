import type { RepositoryUsage } from '../../domain/snapshot/snapshot.ts';
import { representFigures, representTimeOrNull } from '../hal/represent-figures.ts';
import { wholeOf } from '../hal/represent-list.ts';
import { deeper, type RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Repository, repository } from '../schemas/tree.ts';
import type { SingleDescriptor } from './descriptor.ts';
import { representTags } from './tags.ts';

/** `GET /repositories/{repository}` */
export const REPOSITORY: SingleDescriptor = {
  kind: 'single',
  path: PATHS.repository,
  relation: 'repository',
  operation: { id: 'getRepository', section: 'tree', summary: 'A repository' },
  schema: { name: 'Repository', schema: repository },
  find([name = ''], context) {
    const found = context.index.repository(name);
    return found && (() => representRepository(found, context));
  },
};

export function representRepository(one: RepositoryUsage, context: RepresentationContext): Repository {
  const { options, links } = context;
  const { name, namespace, staleSince } = one;
  return {
    name,
    ...representFigures(one),
    stale_since: representTimeOrNull(staleSince),
    ...(options.links && {
      _links: {
        self: { href: links.repository(name) },
        collection: { href: links.repositories() },
        related: { href: links.tags(name), title: 'tags' },
        ...(namespace !== undefined && { namespace: { href: links.namespace(namespace), title: namespace } }),
      },
    }),
    ...(options.embed > 0 && {
      _embedded: { related: representTags(one, wholeOf(links.tags(name)), deeper(context)) },
    }),
  };
}

import { representFigures } from '../hal/represent-figures.ts';
import type { View } from '../hal/represent-list.ts';
import type { RepresentationContext } from '../hal/representation.ts';
import { PATHS } from '../route-table.ts';
import { type Namespaces, namespaces } from '../schemas/tree.ts';
import { describeCollection } from './descriptor.ts';
import { CHILDREN, type Child, childrenOf, partsOfChild, representChildLine, representChildren } from './namespace.ts';

/** `GET /namespaces`: the top of the tree. */
export const NAMESPACES = describeCollection<Child>({
  path: PATHS.namespaces,
  relation: 'namespaces',
  operation: {
    id: 'listNamespaces',
    section: 'tree',
    summary: 'The whole registry, and its top-level namespaces and repositories',
  },
  schema: { name: 'Namespaces', schema: namespaces },
  ...CHILDREN,
  find: (_, context) => ({
    members: childrenOf(undefined, context.index),
    partsOf: partsOfChild,
    represent: (view) => representTop(view, context),
    representLine: representChildLine(context),
  }),
});

function representTop(view: View, context: RepresentationContext): Namespaces {
  const { figures, finishedAt } = context.index.snapshot;
  return {
    timestamp: finishedAt / 1000,
    ...representFigures(figures),
    ...representChildren(undefined, view, context, {}),
  };
}

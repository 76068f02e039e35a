import type { Route, RouteTable } from '../http/admission.ts';
import { DOCS_PATHS } from './docs/docs-page.ts';
import { ENDPOINTS, type Endpoint, OPEN, PATHS, parametersIn, rootOf, SIGNED_IN } from './route-table.ts';

export interface RouteFinderOptions {
  readonly prefix: string;
  /** The resources of a snapshot. */
  readonly resources: readonly { readonly path: string }[];
  /** Without events there is no such path; the same holds for metrics. */
  readonly hasEvents: boolean;
  readonly hasMetrics: boolean;
}

const RESOURCE: Endpoint = { methods: ['GET'], access: SIGNED_IN };
const DOCS: Endpoint = { methods: ['GET'], access: OPEN };

/** Returns a function that finds the route of a path; undefined if the path leads nowhere. */
export function createRouteFinder(options: RouteFinderOptions): RouteTable {
  const { prefix, resources, hasEvents, hasMetrics } = options;
  const exact = new Map<string, Route>();
  const below = new Map<string, Route>();
  const add = (label: string, endpoint: Endpoint) => exact.set(prefix + label, { label, ...endpoint });
  for (const [path, endpoint] of ENDPOINTS) add(path, endpoint);
  if (!hasEvents) exact.delete(prefix + PATHS.events);
  if (!hasMetrics) exact.delete(prefix + PATHS.metrics);
  for (const path of DOCS_PATHS) add(path, DOCS);
  for (const { path } of resources) {
    if (parametersIn(path).length === 0) add(path, RESOURCE);
    else below.set(`${prefix}${rootOf(path)}/`, { label: `${rootOf(path)}/*`, ...RESOURCE });
  }
  const entryPoint = exact.get(prefix + PATHS.entryPoint);
  if (entryPoint !== undefined) exact.set(prefix, entryPoint);
  const roots = [...below].map(([root, route]) => ({ root, route }));
  return (path) => exact.get(path) ?? roots.find(({ root }) => path.startsWith(root))?.route;
}

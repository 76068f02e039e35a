import { DOCS_PATHS } from './docs/docs-page.ts';
import { ENDPOINT_METHODS, literalsIn, PATHS, parametersIn } from './route-table.ts';

export interface RouteFinderOptions {
  readonly prefix: string;
  /** The resources of a snapshot. */
  readonly resources: readonly { readonly path: string }[];
  /** Without events there is no such path; the same holds for metrics. */
  readonly hasEvents: boolean;
  readonly hasMetrics: boolean;
}

export interface Route {
  /** The path without names, such as `/repositories/*`: for logs and metrics, which must not contain what clients made up. */
  readonly label: string;
  /** Without HEAD and OPTIONS. */
  readonly methods: readonly string[];
}

const GET: readonly string[] = ['GET'];

/** Returns a function that finds the route of a path; undefined if the path leads nowhere. */
export function createRouteFinder(options: RouteFinderOptions): (path: string) => Route | undefined {
  const { prefix, resources, hasEvents, hasMetrics } = options;
  const exact = new Map<string, Route>();
  const below = new Map<string, Route>();
  const add = (label: string, methods: readonly string[]) => exact.set(prefix + label, { label, methods });
  for (const [path, methods] of ENDPOINT_METHODS) add(path, methods);
  if (!hasEvents) exact.delete(prefix + PATHS.events);
  if (!hasMetrics) exact.delete(prefix + PATHS.metrics);
  for (const path of DOCS_PATHS) add(`/${path}`, GET);
  for (const { path } of resources) {
    if (parametersIn(path).length === 0) add(path, GET);
    else below.set(`${prefix}${rootOf(path)}/`, { label: `${rootOf(path)}/*`, methods: GET });
  }
  const entryPoint = exact.get(prefix + PATHS.entryPoint);
  if (entryPoint !== undefined) exact.set(prefix, entryPoint);
  const roots = [...below];
  return (path) => exact.get(path) ?? roots.find(([root]) => path.startsWith(root))?.[1];
}

/** Returns the part of a path before its first name: `/repositories` of `/repositories/{repository}/tags`. */
export function rootOf(path: string): string {
  return (literalsIn(path)[0] ?? '').replace(/\/$/, '');
}

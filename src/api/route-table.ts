import type { MetricsOptions } from '../metrics/metrics.ts';
import { DOCS_PATHS } from './docs/docs-page.ts';
import type { EventsOptions } from './events-endpoint.ts';

/** The paths below the prefix, by their first segment, with what may be asked of them besides HEAD and OPTIONS. */
export const PATHS: ReadonlyMap<string, { readonly methods: readonly string[]; readonly hasMembers: boolean }> =
  new Map([
    ['', { methods: ['GET'], hasMembers: false }],
    ['openapi.json', { methods: ['GET'], hasMembers: false }],
    ['auth_token', { methods: ['GET', 'POST'], hasMembers: false }],
    ['repositories', { methods: ['GET'], hasMembers: true }],
    ['tags', { methods: ['GET'], hasMembers: false }],
    ['namespaces', { methods: ['GET'], hasMembers: true }],
    ['blobs', { methods: ['GET'], hasMembers: true }],
    ['gaps', { methods: ['GET'], hasMembers: false }],
    ['collection', { methods: ['GET', 'POST'], hasMembers: false }],
    ['events', { methods: ['POST'], hasMembers: false }],
    ['health/live', { methods: ['GET'], hasMembers: false }],
    ['health/ready', { methods: ['GET'], hasMembers: false }],
    ['metrics', { methods: ['GET'], hasMembers: false }],
  ]);

export interface PathsOptions extends Pick<EventsOptions, 'events'>, Pick<MetricsOptions, 'metrics'> {
  readonly prefix: string;
}

/** Where a path leads, and what may be asked there; undefined where nothing is. */
export function placeAt(
  path: string,
  { prefix, events, metrics }: PathsOptions,
): { readonly route: string; readonly methods: readonly string[] } | undefined {
  if (path !== prefix && !path.startsWith(`${prefix}/`)) return undefined;
  const below = path.slice(prefix.length + 1);
  if ((below === 'events' && events.secret === undefined) || (below === 'metrics' && !metrics.isEnabled))
    return undefined;
  const exact = PATHS.get(below);
  if (exact !== undefined) return { route: `/${below}`, methods: exact.methods };
  if (DOCS_PATHS.has(below)) return { route: `/${below}`, methods: ['GET'] };
  const [name = ''] = below.split('/', 1);
  const collection = PATHS.get(name);
  return collection?.hasMembers ? { route: `/${name}/*`, methods: collection.methods } : undefined;
}

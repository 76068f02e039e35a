/* Every path of the API, below the prefix. A name in braces stands for one percent-encoded segment. */

/** The resources that other resources link to. A collection without such links may name its path in its own descriptor. */
export const PATHS = {
  entryPoint: '/',
  openapi: '/openapi.json',
  docs: '/docs',
  authToken: '/auth_token',
  repositories: '/repositories',
  repository: '/repositories/{repository}',
  tags: '/repositories/{repository}/tags',
  tag: '/repositories/{repository}/tags/{tag}',
  tagBlobs: '/repositories/{repository}/tags/{tag}/blobs',
  allTags: '/tags',
  namespaces: '/namespaces',
  namespace: '/namespaces/{path}',
  blobs: '/blobs',
  blob: '/blobs/{digest}',
  gaps: '/gaps',
  crawl: '/collection',
  live: '/health/live',
  ready: '/health/ready',
  events: '/events',
  metrics: '/metrics',
} as const;

export type PathName = keyof typeof PATHS;

/** The methods of the resources that do not come from a snapshot, without HEAD and OPTIONS. All others answer GET only. */
export const ENDPOINT_METHODS: ReadonlyMap<string, readonly string[]> = new Map([
  [PATHS.entryPoint, ['GET']],
  [PATHS.openapi, ['GET']],
  [PATHS.authToken, ['GET', 'POST']],
  [PATHS.crawl, ['GET', 'POST']],
  [PATHS.live, ['GET']],
  [PATHS.ready, ['GET']],
  [PATHS.events, ['POST']],
  [PATHS.metrics, ['GET']],
]);

const PARAMETER = /\{(\w+)\}/g;

/** Returns the names of the parameters of a path, in order. */
export function parametersIn(path: string): readonly string[] {
  return [...path.matchAll(PARAMETER)].map(([, name = '']) => name);
}

/** Returns the literal texts of a path around its parameters: one more than it has parameters. */
export function literalsIn(path: string): readonly string[] {
  return path.split(/\{\w+\}/);
}

import type { Access } from '../http/admission.ts';

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

export const SIGNED_IN: Access = { isForAnyHost: false, isLimited: true, needsToken: true };
export const OPEN: Access = { isForAnyHost: false, isLimited: true, needsToken: false };
/** Probes may use any name of the service, and must get a response under any load. */
const PROBE: Access = { isForAnyHost: true, isLimited: false, needsToken: false };
/** A registry would lose the notifications that are refused. */
const NOTIFICATIONS: Access = { isForAnyHost: false, isLimited: false, needsToken: false };

export interface Endpoint {
  /** Without HEAD, which GET includes, and OPTIONS, which every endpoint has. */
  readonly methods: readonly string[];
  readonly access: Access;
}

/** The resources that do not come from a snapshot. All others answer GET only, and need a token. */
export const ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  [PATHS.entryPoint, { methods: ['GET'], access: OPEN }],
  [PATHS.openapi, { methods: ['GET'], access: OPEN }],
  [PATHS.authToken, { methods: ['GET', 'POST'], access: OPEN }],
  [PATHS.crawl, { methods: ['GET', 'POST'], access: SIGNED_IN }],
  [PATHS.live, { methods: ['GET'], access: PROBE }],
  [PATHS.ready, { methods: ['GET'], access: PROBE }],
  [PATHS.events, { methods: ['POST'], access: NOTIFICATIONS }], // with a secret of its own
  [PATHS.metrics, { methods: ['GET'], access: OPEN }], // with a token of its own
]);

/** Programs request these every few seconds. */
export const ROUTINE_PATHS: ReadonlySet<string> = new Set([PATHS.events, PATHS.live, PATHS.ready, PATHS.metrics]);

const PARAMETER = /\{(\w+)\}/g;

/** Returns the names of the parameters of a path, in order. */
export function parametersIn(path: string): readonly string[] {
  return [...path.matchAll(PARAMETER)].map(([, name = '']) => name);
}

/** Returns the part of a path before its first name: `/repositories` of `/repositories/{repository}/tags`. */
export function rootOf(path: string): string {
  return path.replace(/\/\{.*$/, '');
}

/** Returns the literal texts of a path around its parameters: one more than it has parameters. */
export function literalsIn(path: string): readonly string[] {
  return path.split(/\{\w+\}/);
}

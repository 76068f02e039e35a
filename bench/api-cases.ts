import { repositoryName } from '../lab/layout.ts';
import type { BareRequest } from './wrk.ts';

/** A request to the API whose rate is measured. It needs a registry with at least eight repositories and 300 tags. */
export interface ApiCase {
  readonly path: string;
  /** How many connections send it at the same time. */
  readonly connections: number;
  readonly accept?: string;
  readonly acceptEncoding?: string;
  /** Whether the client has the current response already, so that it gets 304. */
  readonly isKnown?: boolean;
}

export const REPOSITORY = `/repositories/${encodeURIComponent(repositoryName(7))}`;
export const PAGE = '/tags?order_by=disk_size&per_page=100&page=3&embed=1';
export const TREE = '/repositories?embed=true';

export const API_CASES: Readonly<Record<string, ApiCase>> = {
  oneRepository: { path: REPOSITORY, connections: 64 },
  oneRepositoryKnown: { path: REPOSITORY, connections: 64, isKnown: true },
  pageOf100ByDiskSize: { path: PAGE, connections: 64 },
  wholeTree: { path: TREE, connections: 8 },
  wholeTreeGzip: { path: TREE, connections: 8, acceptEncoding: 'gzip' },
  wholeTreeKnown: { path: TREE, connections: 64, isKnown: true },
  pageOf100Blobs: { path: '/blobs?per_page=100&page=2&embed=1', connections: 64 },
  csvOfTags: { path: '/tags', connections: 8, accept: 'text/csv' },
};

/** @param etag of the response, without its quotes */
export function requestOf({ path, acceptEncoding, isKnown }: ApiCase, token: string, etag: string): BareRequest {
  return {
    path,
    token,
    ...(acceptEncoding !== undefined && { acceptEncoding }),
    ...(isKnown && { ifNoneMatch: etag }),
  };
}

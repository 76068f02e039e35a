import type { CannedAnswer } from './gitlab-registry.ts';
import { refusal } from './gitlab-tags.ts';
import type { UpstreamRegistry } from './gitlab-upstream.ts';
import { TYPES } from './images.ts';

const MANIFEST_TYPES: ReadonlySet<string> = new Set(Object.values(TYPES));
const FOREIGN = /nondistributable|foreign/;

/** Answers `GET /gitlab/v1/repositories/<path>/`. */
export async function describeRepository(
  query: URLSearchParams,
  repository: string,
  upstream: UpstreamRegistry,
  realm: string,
): Promise<CannedAnswer> {
  const size = query.get('size');
  if (size === 'self_with_descendants') return withoutDescendants(repository, realm);
  const tags = await upstream.tags(repository);
  if ('status' in tags) return tags;
  if (size !== null && size !== 'self')
    return refusal('VALUE', "the 'size' query parameter must be one of self, self_with_descendants");
  const { created_at } = upstream.times(repository, '');
  const state = { name: repository.split('/').at(-1), path: repository, created_at };
  if (size === null) return { status: 200, body: state };
  const layers = new Map<string, number>();
  for (const tag of tags) await addLayers(repository, tag, upstream, layers);
  const size_bytes = [...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { status: 200, body: { ...state, size_bytes, size_precision: 'default' } };
}

/** Adds the sizes of the layers that a manifest reaches, without foreign ones. */
async function addLayers(
  repository: string,
  reference: string,
  upstream: UpstreamRegistry,
  layers: Map<string, number>,
): Promise<void> {
  const manifest = await upstream.manifest(repository, reference);
  for (const { mediaType, digest, size } of manifest?.layers ?? [])
    if (!FOREIGN.test(mediaType)) layers.set(digest, size);
  for (const { mediaType, digest } of manifest?.manifests ?? [])
    if (MANIFEST_TYPES.has(mediaType)) await addLayers(repository, digest, upstream, layers);
}

/** GitLab's token service grants no client a pattern of repositories, so the registry refuses every client. */
function withoutDescendants(repository: string, realm: string): CannedAnswer {
  const scope = `repository:${repository}:pull repository:${repository}/*:pull`;
  const challenge = `Bearer realm="${realm}",service="container_registry",scope="${scope}",error="insufficient_scope"`;
  const errors = [{ code: 'UNAUTHORIZED', message: 'authentication required' }];
  return { status: 401, headers: { 'www-authenticate': challenge }, body: { errors } };
}

import type { CannedAnswer, GitlabRegistryOptions } from './gitlab-registry.ts';
import { TYPES } from './images.ts';

/** Queries the real registry behind the stand-in with the credentials of the client. */
export interface UpstreamRegistry {
  /** Returns the error response of the registry for a path; undefined if it accepts the request. */
  refusal(path: string): Promise<CannedAnswer | undefined>;
  /** Returns all tags sorted by name, or the error response of the registry. */
  tags(repository: string): Promise<readonly string[] | CannedAnswer>;
  /** Returns the details that GitLab's database would hold for a tag; undefined if the tag does not exist. */
  details(repository: string, tag: string): Promise<object | undefined>;
}

interface Sized {
  readonly digest: string;
  readonly size: number;
}

const { ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1 } = TYPES;
const ACCEPT = [ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1].join(', ');
const CREATED_AT = '2024-05-06T07:08:09.123Z';

export function createUpstreamRegistry(
  { registry, tokens, realm }: GitlabRegistryOptions,
  authorization: string | undefined,
): UpstreamRegistry {
  const headers = { accept: ACCEPT, ...(authorization !== undefined && { authorization }) };
  const ask = (path: string): Promise<Response> => fetch(`${registry.url}/${path}`, { headers });

  async function refused(answer: Response): Promise<CannedAnswer> {
    const challenge = answer.headers.get('www-authenticate')?.replace(tokens.realm, realm);
    return {
      status: answer.status,
      headers: { 'content-type': 'application/json', ...(challenge && { 'www-authenticate': challenge }) },
      body: await answer.text(),
    };
  }

  return {
    async refusal(path) {
      const answer = await ask(path);
      if (!answer.ok) return refused(answer);
      await answer.text();
      return undefined;
    },
    async tags(repository) {
      const answer = await ask(`v2/${repository}/tags/list`);
      if (!answer.ok) return refused(answer);
      const { tags } = (await answer.json()) as { tags: string[] | null };
      return (tags ?? []).sort();
    },
    async details(repository, tag) {
      const answer = await ask(`v2/${repository}/manifests/${tag}`);
      const text = await answer.text();
      if (!answer.ok) return undefined;
      const { config, layers } = JSON.parse(text) as { config?: Sized; layers?: readonly Sized[] };
      const parts = [...(config ? [config] : []), ...(layers ?? [])];
      return {
        name: tag,
        digest: answer.headers.get('docker-content-digest'),
        ...(config && { config_digest: config.digest }),
        media_type: answer.headers.get('content-type'),
        size_bytes: layers === undefined ? 0 : parts.reduce((sum, { size }) => sum + size, text.length),
        created_at: CREATED_AT,
        published_at: CREATED_AT,
      };
    },
  };
}

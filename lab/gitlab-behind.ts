import type { CannedAnswer, GitlabRegistryOptions } from './gitlab-registry.ts';
import { TYPES } from './images.ts';

/** The real registry behind the stand-in, asked in the name of whoever asks the stand-in. */
export interface BehindGitlab {
  /** What it says against that; undefined where it says nothing. */
  refusal(path: string): Promise<CannedAnswer | undefined>;
  /** All tags in the order of their names, or the answer where there are none to see. */
  tags(repository: string): Promise<readonly string[] | CannedAnswer>;
  /** What GitLab would keep of a tag; undefined where there is no such tag any more. */
  details(repository: string, tag: string): Promise<object | undefined>;
}

interface Sized {
  readonly digest: string;
  readonly size: number;
}

const { ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1 } = TYPES;
const ACCEPT = [ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1].join(', ');
const CREATED_AT = '2024-05-06T07:08:09.123Z';

export function createBehindGitlab(
  { registry, tokens, realm }: GitlabRegistryOptions,
  authorization: string | undefined,
): BehindGitlab {
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

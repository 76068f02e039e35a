import type { CannedAnswer, GitlabRegistryOptions } from './gitlab-registry.ts';
import { hasManifests, type Referrer, readReferrers } from './gitlab-storage.ts';
import { TYPES } from './images.ts';

/** Queries the real registry behind the stand-in with the credentials of the client. */
export interface UpstreamRegistry {
  /** Returns the error response of the registry for a path; undefined if it accepts the request. */
  refusal(path: string): Promise<CannedAnswer | undefined>;
  /** Returns a page of the catalogue, without repositories that have no manifests. */
  catalogue(search: string): Promise<CannedAnswer>;
  /** Returns all tags sorted by name, or the error response of the registry. */
  tags(repository: string): Promise<readonly string[] | CannedAnswer>;
  /** Returns the times of a tag that GitLab's database would hold. */
  times(repository: string, tag: string): TagTimes;
  /** Returns the details that GitLab's database would hold for a tag; undefined if the tag does not exist. */
  details(repository: string, tag: string): Promise<TagDetails | undefined>;
  /** Returns a manifest; undefined if it does not exist. */
  manifest(repository: string, reference: string): Promise<LabManifest | undefined>;
  /** Returns the manifests with a subject, by subject. */
  referrers(repository: string): Promise<ReadonlyMap<string, readonly Referrer[]>>;
}

/** In the spelling of the API. */
export interface TagTimes {
  readonly created_at: string;
  /** Absent if the tag has always had the same manifest. */
  readonly updated_at?: string;
  readonly published_at: string;
}

interface TagDetails extends TagTimes {
  readonly digest: string;
}

interface Sized {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface LabManifest {
  readonly config?: Sized;
  readonly layers?: readonly Sized[];
  readonly manifests?: readonly Sized[];
}

const { ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1 } = TYPES;
const ACCEPT = [ociIndex, dockerList, ociManifest, dockerManifest, dockerSchema1].join(', ');
const CREATED_AT = '2024-05-06T07:08:09.123Z';

export function createUpstreamRegistry(
  { registry, tokens, realm, faults }: GitlabRegistryOptions,
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

  function times(repository: string, tag: string): TagTimes {
    const { created_at, updated_at } = faults.tagTimes?.(repository, tag) ?? { created_at: CREATED_AT };
    return { created_at, ...(updated_at !== undefined && { updated_at }), published_at: updated_at ?? created_at };
  }

  return {
    async refusal(path) {
      const answer = await ask(path);
      if (!answer.ok) return refused(answer);
      await answer.text();
      return undefined;
    },
    async catalogue(search) {
      const answer = await ask(`v2/_catalog${search}`);
      if (!answer.ok) return refused(answer);
      const { repositories } = (await answer.json()) as { repositories: readonly string[] };
      const areShown = await Promise.all(repositories.map((name) => hasManifests(registry, name)));
      const link = answer.headers.get('link');
      const shown = repositories.filter((_, at) => areShown[at]);
      return { status: 200, headers: link === null ? {} : { link }, body: { repositories: shown } };
    },
    async tags(repository) {
      const answer = await ask(`v2/${repository}/tags/list`);
      if (!answer.ok) return refused(answer);
      const { tags } = (await answer.json()) as { tags: string[] | null };
      return (tags ?? []).sort();
    },
    times,
    async details(repository, tag) {
      const answer = await ask(`v2/${repository}/manifests/${tag}`);
      const text = await answer.text();
      return answer.ok ? { ...describe(tag, answer.headers, text), ...times(repository, tag) } : undefined;
    },
    async manifest(repository, reference) {
      const answer = await ask(`v2/${repository}/manifests/${reference}`);
      const text = await answer.text();
      return answer.ok ? (JSON.parse(text) as LabManifest) : undefined;
    },
    referrers: (repository) => readReferrers(registry, repository),
  };
}

/** The size of an image is that of its manifest, config and layers; an index has the size 0. */
function describe(name: string, headers: Headers, text: string): Omit<TagDetails, keyof TagTimes> {
  const { config, layers } = JSON.parse(text) as LabManifest;
  const parts = [...(config ? [config] : []), ...(layers ?? [])];
  const details = {
    name,
    digest: headers.get('docker-content-digest') ?? '',
    ...(config && { config_digest: config.digest }),
    media_type: headers.get('content-type'),
    size_bytes: layers === undefined ? 0 : parts.reduce((sum, { size }) => sum + size, text.length),
  };
  return details;
}

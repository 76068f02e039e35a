import { request } from 'undici';
import { blob, digestOf, type LabBlob, type LabDescriptor, TYPES } from './images.ts';
import type { LabRegistry } from './registry.ts';
import type { LabTokenService } from './token-service.ts';

/** Pushes content to a registry over HTTP, as any client does. */
export interface Pusher {
  blob(repository: string, blob: LabBlob): Promise<LabDescriptor>;
  /** Pushes a manifest unchanged; its children must exist. */
  manifest(
    repository: string,
    reference: string | undefined,
    mediaType: string,
    body: object | string,
  ): Promise<LabDescriptor>;
  /** Pushes the blobs of an image and then its manifest. */
  image(repository: string, reference: string | undefined, image: LabImage): Promise<LabDescriptor>;
  /** Deletes a manifest together with all tags of the repository that point to it. */
  deleteManifest(repository: string, digest: string): Promise<void>;
  /** Deletes one tag, but not its manifest. */
  deleteTag(repository: string, tag: string): Promise<void>;
}

export interface LabImage {
  readonly config: LabBlob;
  readonly layers: readonly LabBlob[];
  /** Layers that the manifest lists and that are not pushed. */
  readonly foreign?: readonly LabDescriptor[];
  readonly format?: 'oci' | 'docker';
  /** The type, if it is an artifact and not an image. */
  readonly artifactType?: string;
  /** The manifest that this one refers to. */
  readonly subject?: LabDescriptor;
}

export function createPusher(registry: Pick<LabRegistry, 'url'>, tokens?: Pick<LabTokenService, 'mint'>): Pusher {
  const send = createSender(tokens);
  const pusher: Pusher = {
    async blob(repository, { bytes, descriptor }) {
      const started = await send(repository, 'POST', `${registry.url}/v2/${repository}/blobs/uploads/`);
      const url = new URL(String(started.headers['location']), registry.url);
      url.searchParams.set('digest', descriptor.digest);
      await send(repository, 'PUT', url.href, bytes, 'application/octet-stream');
      return descriptor;
    },
    async manifest(repository, reference, mediaType, body) {
      const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const digest = digestOf(bytes);
      await send(
        repository,
        'PUT',
        `${registry.url}/v2/${repository}/manifests/${reference ?? digest}`,
        bytes,
        mediaType,
      );
      return { mediaType, digest, size: bytes.length };
    },
    async image(repository, reference, { config, layers, foreign = [], format = 'oci', artifactType, subject }) {
      for (const blob of [config, ...layers]) await pusher.blob(repository, blob);
      const mediaType = format === 'oci' ? TYPES.ociManifest : TYPES.dockerManifest;
      return pusher.manifest(repository, reference, mediaType, {
        schemaVersion: 2,
        mediaType,
        config: config.descriptor,
        layers: [...foreign, ...layers.map(({ descriptor }) => descriptor)],
        ...(artifactType && { artifactType }),
        ...(subject && { subject }),
      });
    },
    async deleteManifest(repository, digest) {
      await send(repository, 'DELETE', `${registry.url}/v2/${repository}/manifests/${digest}`);
    },
    // Distribution 2.8 does not accept a tag for DELETE (400 DIGEST_INVALID). GitLab's workaround: point the tag to a new manifest and delete that.
    async deleteTag(repository, tag) {
      const dummy = blob(TYPES.ociConfig, Buffer.from(JSON.stringify({ deletes: `${repository}:${tag}` })));
      const { digest } = await pusher.image(repository, tag, { config: dummy, layers: [] });
      await pusher.deleteManifest(repository, digest);
    },
  };
  return pusher;
}

/** Sends requests with full access to one repository. Throws if the response is not a success. */
function createSender(tokens: Pick<LabTokenService, 'mint'> | undefined) {
  return async (
    repository: string,
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    body?: Buffer,
    type?: string,
  ) => {
    const access = [{ type: 'repository', name: repository, actions: ['pull', 'push', 'delete'] }];
    const token = await tokens?.mint(access);
    const answer = await request(url, {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(type && { 'content-type': type }) },
      ...(body && { body }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${url}: status ${answer.statusCode} ${text}`);
    return answer;
  };
}

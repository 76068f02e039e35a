import { blob, config, layer, TYPES } from './images.ts';
import type { Pusher } from './push.ts';

const KIB = 1024;

/** Pushes referrers as cosign and as OCI 1.1 store them, and an artifact with a type of its own. */
export async function pushAccessories(pusher: Pusher): Promise<void> {
  await pushReferrer(pusher);
  await pushSignature(pusher);
  const empty = blob(TYPES.ociEmpty, Buffer.from('{}'));
  const model = blob('application/vnd.example.model.weights', layer('model', 7 * KIB).bytes);
  await pusher.image('group/artifact', 'latest', { config: empty, layers: [model], artifactType: TYPES.exampleModel });
}

/**
 * Pushes a manifest with a subject, and the tag that lists it in a registry without the referrers API (OCI distribution-spec,
 * "Referrers Tag Schema").
 */
async function pushReferrer(pusher: Pusher): Promise<void> {
  const image = { config: config('referred'), layers: [layer('referred', 9 * KIB)] };
  const subject = await pusher.image('group/referred', '1.0', image);
  const sbom = blob('application/spdx+json', layer('sbom', 5 * KIB).bytes);
  const empty = blob(TYPES.ociEmpty, Buffer.from('{}'));
  const referring = { config: empty, layers: [sbom], artifactType: TYPES.exampleSbom, subject };
  const referrer = await pusher.image('group/referred', undefined, referring);
  const mediaType = TYPES.ociIndex;
  const manifests = [{ ...referrer, artifactType: TYPES.exampleSbom }];
  await pusher.manifest('group/referred', subject.digest.replace(':', '-'), mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests,
  });
  // A referrer may have a tag of its own, and its subject may have been deleted.
  const gone = { ...subject, digest: `sha256:${'cd'.repeat(32)}` };
  await pusher.image('group/referred', 'orphan', { ...referring, subject: gone });
}

/** Pushes a signature in cosign's older scheme: a tag named after the digest of the image. */
async function pushSignature(pusher: Pusher): Promise<void> {
  const image = { config: config('signed'), layers: [layer('signed', 8 * KIB)] };
  const { digest } = await pusher.image('group/signed', '1.0', image);
  const payload = blob('application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from('{"critical":{}}'));
  const signature = { config: config('signature'), layers: [payload] };
  await pusher.image('group/signed', `${digest.replace(':', '-')}.sig`, signature);
  // A tag named after a hash is not an accessory for that reason alone: the content of this one is an image.
  await pusher.image('group/signed', `sha256-${'ef'.repeat(32)}`, image);
}

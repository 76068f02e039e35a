import { expect, onTestFinished, test } from 'vitest';
import { blob, config, type LabBlob, type LabDescriptor, layer, TYPES } from '../../lab/images.ts';
import type { Snapshot } from '../../src/domain/snapshot/snapshot.ts';
import { crawlLab } from '../support/crawl-lab.ts';
import { type Answer, type StandIn, startStandIn } from '../support/stand-in.ts';

/* No release of Distribution has the referrers API, so a stand-in answers as a registry with it would (OCI distribution-spec, "Listing Referrers").
 * It stores an index `1` of two images, a signature of one image, and a referrer of that signature. */

const image = (configBlob: LabBlob, layers: readonly LabBlob[], fields: object = {}): LabBlob => {
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const body = { schemaVersion: 2, mediaType: TYPES.ociManifest, config: configBlob.descriptor, layers: descriptors };
  return blob(TYPES.ociManifest, Buffer.from(JSON.stringify({ ...body, ...fields })));
};
const index = (manifests: readonly LabDescriptor[]): LabBlob =>
  blob(TYPES.ociIndex, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: TYPES.ociIndex, manifests })));

const empty = blob(TYPES.ociEmpty, Buffer.from('{}'));
const payload = layer('payload', 3000);
const remark = layer('remark', 2000);
const [amd64, arm64] = [image(config('amd64'), [layer('amd64', 5000)]), image(config('arm64'), [layer('arm64', 6000)])];
const root = index([amd64.descriptor, arm64.descriptor]);
const refer = (subject: LabBlob, layers: readonly LabBlob[]): LabBlob =>
  image(empty, layers, { artifactType: TYPES.exampleSbom, subject: subject.descriptor });
const signature = refer(amd64, [payload]);
const aboutSignature = refer(signature, [remark]);
const manifests = [root, amd64, arm64, signature, aboutSignature];

const notFound: Answer = { status: 404, body: { errors: [{ code: 'NOT_FOUND' }] } };

/** Starts a registry with one repository and the tags `1` and `amd64`. `referrersOf` answers the requests to `/referrers/`. */
async function startWith(referrersOf: (digest: string) => Answer): Promise<StandIn> {
  const tagged: Readonly<Record<string, LabBlob>> = { '1': root, amd64 };
  const standIn = await startStandIn((_, { pathname }) => {
    if (pathname === '/v2/') return { body: {} };
    if (pathname === '/v2/_catalog') return { body: { repositories: ['app'] } };
    if (pathname === '/v2/app/tags/list') return { body: { name: 'app', tags: Object.keys(tagged) } };
    const [, kind = '', reference = ''] = /^\/v2\/app\/(manifests|referrers|blobs)\/(.+)$/.exec(pathname) ?? [];
    if (kind === 'referrers') return referrersOf(reference);
    const found = tagged[reference] ?? manifests.find(({ descriptor }) => descriptor.digest === reference);
    if (kind !== 'manifests' || found === undefined) return notFound;
    return { body: found.bytes, headers: { 'content-type': found.descriptor.mediaType } };
  });
  onTestFinished(standIn.stop);
  return standIn;
}

const listed = (...referrers: readonly LabBlob[]): Answer => ({
  body: index(referrers.map(({ descriptor }) => ({ ...descriptor, artifactType: TYPES.exampleSbom }))).bytes,
  headers: { 'content-type': TYPES.ociIndex },
});

const asked = ({ requests }: StandIn): readonly string[] =>
  requests.flatMap(({ url }) => /\/referrers\/(.+)$/.exec(url)?.[1] ?? []).sort();

const tag = ({ repositories }: Snapshot, name: string) => repositories[0]?.tags.find((one) => one.name === name);

test('requests the referrers of each manifest and of each referrer once, and counts them for the subject', async () => {
  const without = await crawlLab({ registry: await startWith(() => listed()) });
  const standIn = await startWith((digest) => {
    if (digest === amd64.descriptor.digest) return listed(signature);
    return digest === signature.descriptor.digest ? listed(aboutSignature) : listed();
  });
  const snapshot = await crawlLab({ registry: standIn }, { garbageCollector: 'harbor' });
  expect(asked(standIn)).toEqual(manifests.map(({ descriptor }) => descriptor.digest).sort());

  const layers = payload.bytes.length + remark.bytes.length;
  const metadata = signature.bytes.length + aboutSignature.bytes.length + empty.bytes.length;
  for (const name of ['1', 'amd64']) {
    const [before, after] = [tag(without, name), tag(snapshot, name)];
    // What pulling the tag would move does not change.
    expect(after?.sizeBytes, name).toBe(before?.sizeBytes);
    expect(after?.deduplicatedBytes, name).toBe((before?.deduplicatedBytes ?? 0) + layers + metadata);
    expect(after?.metadataBytes, name).toBe((before?.metadataBytes ?? 0) + layers + metadata);
    // Deleting one of the tags alone does not free them.
    expect(after?.reclaimableBytes, name).toBe(before?.reclaimableBytes);
    expect(after?.status).toBe('ok');
    expect(after?.manifest?.platforms).toEqual(before?.manifest?.platforms);
  }
  expect(snapshot.kinds.find(({ kind }) => kind === 'accessory')?.bytes).toBe(layers + metadata);
});

test('sends one request per crawl if the registry does not support referrers', async () => {
  const standIn = await startWith(() => notFound);
  const snapshot = await crawlLab({ registry: standIn });
  expect(asked(standIn)).toHaveLength(1);
  expect(snapshot.figures.isComplete).toBe(true);
  expect(snapshot.kinds.map(({ kind }) => kind)).toEqual(['image', 'index']);
});

test('marks only the subject as incomplete if a listed referrer is not stored', async () => {
  const gone = refer(arm64, [layer('gone', 100)]);
  const dangling = await startWith((digest) => (digest === arm64.descriptor.digest ? listed(gone) : listed()));
  const snapshot = await crawlLab({ registry: dangling }, { garbageCollector: 'harbor' });
  expect([tag(snapshot, '1')?.status, tag(snapshot, 'amd64')?.status]).toEqual(['incomplete', 'ok']);
});

test.each([
  { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } },
  { status: 200, body: '' },
  { status: 200, body: { schemaVersion: 2, config: {}, layers: [] } },
  { status: 403 },
  { status: 401 },
  { status: 302, headers: { location: '/v2/' } },
  { status: 500 },
])('takes the answer %j for a registry without the API, and blames no tag', async (answer) => {
  const standIn = await startWith(() => answer);
  const snapshot = await crawlLab({ registry: standIn });
  expect(snapshot.gaps).toEqual([]);
  expect(snapshot.figures.isComplete).toBe(true);
  const zot = await crawlLab({ registry: standIn }, { garbageCollector: 'zot' });
  expect(zot.gaps).toMatchObject([{ repository: null, code: 'unreadable' }]);
  expect(zot.repositories[0]?.tags.map(({ status }) => status)).toEqual(['ok', 'ok']);
});

import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Store } from '../../src/store/sqlite/open-store.ts';
import { collected, image } from './sample-registry-content.ts';

/** Writes a repository with images of its own, and then a snapshot of it: both tell the number of the round. */
export async function writeRound(store: Store, round: number): Promise<void> {
  const images = Array.from({ length: IMAGES }, (_, i) => image(`${round} ${i}`));
  for (const one of images) await store.catalogue.saveManifest(one);
  const tags = images.map(({ digest }, i) => ({ name: String(i) as TagName, digest }));
  const reading = { readAt: round, tags, illegalTags: [], referrers: [] };
  const name = `r${round % REPOSITORIES}` as RepositoryName;
  await store.catalogue.saveRepository({ name, reading, failure: undefined });
  const { snapshot, findings } = collected(images.slice(round % 5), round);
  await store.snapshots.save(snapshot, findings, round % 3 === 0 ? 'collection' : 'notification');
}

const REPOSITORIES = 7;
/** So few that the names of their tags are in order. */
const IMAGES = 10;

/** What is not as whole rounds leave it, in words; and the last round, as the snapshots have it. */
export async function lookAtRounds(
  store: Store,
): Promise<{ readonly problems: readonly string[]; readonly round: number }> {
  const problems: string[] = [];
  await store.check();
  for await (const { name, reading } of store.catalogue.repositories()) {
    const digests = (reading?.tags ?? []).flatMap(({ digest }) => digest ?? []);
    const known = await store.catalogue.manifests(digests);
    if (digests.length !== IMAGES || known.size !== IMAGES)
      problems.push(`${name}: ${known.size} of ${digests.length} manifests`);
  }
  const round = (await store.snapshots.latest())?.startedAt ?? 0;
  const history = await store.snapshots.history({ kind: 'registry', path: '', tag: '' });
  if ((history.at(-1)?.finishedAt ?? 0) !== round) problems.push(`findings of ${round}, and not of the last snapshot`);
  for (const { finishedAt, figures } of history) {
    if (figures?.tagsCount !== IMAGES - (finishedAt % 5)) problems.push(`${finishedAt}: ${figures?.tagsCount} tags`);
  }
  return { problems, round };
}

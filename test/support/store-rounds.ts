import type { RepositoryName, TagName } from '../../src/domain/names.ts';
import type { Store } from '../../src/store/store.ts';
import { crawlOf, image } from './sample-registry-content.ts';

/** Writes a repository with images of its own, and then a snapshot of it. Both contain the number of the round. */
export async function writeRound(store: Store, round: number): Promise<void> {
  const images = Array.from({ length: IMAGES }, (_, i) => image(`${round} ${i}`));
  for (const one of images) await store.manifestCache.saveManifest(one);
  const tags = images.map(({ digest }, i) => ({ name: String(i) as TagName, digest }));
  const content = { readAt: round, tags, illegalTags: [], referrers: [] };
  const name = `r${round % REPOSITORIES}` as RepositoryName;
  await store.crawlState.saveRepository({ name, content, failure: undefined });
  const { snapshot, crawlResult } = crawlOf(images.slice(round % 5), round);
  await store.snapshots.save(snapshot, crawlResult, round % 3 === 0 ? 'crawl' : 'notification');
}

const REPOSITORIES = 7;
/** Fewer than eleven, so that the names of their tags are in order. */
const IMAGES = 10;

/** Checks that the store contains only complete rounds. Returns the problems, and the number of the last round according to the snapshots. */
export async function checkRounds(
  store: Store,
): Promise<{ readonly problems: readonly string[]; readonly round: number }> {
  const problems: string[] = [];
  await store.check();
  for await (const { name, content } of store.crawlState.repositories()) {
    const digests = (content?.tags ?? []).flatMap(({ digest }) => digest ?? []);
    const cached = await store.manifestCache.manifests(digests);
    if (digests.length !== IMAGES || cached.size !== IMAGES)
      problems.push(`${name}: ${cached.size} of ${digests.length} manifests`);
  }
  const round = (await store.snapshots.latest())?.startedAt ?? 0;
  const points = await store.history.points({ kind: 'registry', path: '', tag: '' });
  if ((points.at(-1)?.finishedAt ?? 0) !== round)
    problems.push(`the crawl result is of round ${round}, and the last snapshot of another`);
  for (const { finishedAt, figures } of points) {
    if (figures?.tagsCount !== IMAGES - (finishedAt % 5)) problems.push(`${finishedAt}: ${figures?.tagsCount} tags`);
  }
  return { problems, round };
}

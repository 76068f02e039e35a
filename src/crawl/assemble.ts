import { GraphBuilder } from '../domain/graph/graph-builder.ts';
import { byName, type Digest, type RepositoryName } from '../domain/names.ts';
import type { RepositoryResult, TagResult } from '../domain/snapshot/crawl-result.ts';
import type { RepositoryRecord } from '../domain/snapshot/repository-record.ts';
import type { Gap } from '../domain/snapshot/snapshot.ts';
import { ranges } from '../lib/resumable.ts';
import { yieldToEventLoop } from '../lib/yielding.ts';
import type { Catalogue, StoredManifest } from '../ports.ts';
import { DEEPEST_NESTING } from './bounds.ts';
import { childManifests, imageConfigOf, manifestsIn } from './manifest-reader.ts';

/** What the catalogue holds, as one graph. */
export interface Assembly {
  readonly builder: GraphBuilder;
  readonly repositories: readonly RepositoryResult[];
  /** What tags point at. */
  readonly roots: ReadonlySet<Digest>;
  /** Adds what the catalogue has got since: these manifests, and what hangs below them. */
  add(digests: readonly Digest[]): Promise<void>;
}

/** What is left of one assembly, for the next one. */
export type KeptAssembly = Pick<Assembly, 'builder' | 'roots'>;

export interface AssembleOptions {
  /** Whether what the crawl under way has read counts already. */
  readonly withPending: boolean;
  readonly isWanted: (name: RepositoryName) => boolean;
}

/**
 * Puts together what was read of these repositories, now or earlier: on top of what was put together before, as long as that comes to the same,
 * and loads what is new then. Others wait for it no longer than twenty manifests, or the list of one repository's tags, take.
 */
export async function assemble(
  catalogue: Catalogue,
  options: AssembleOptions,
  kept?: KeptAssembly | undefined,
): Promise<Assembly> {
  if (kept === undefined || kept.builder.hasHangers()) return assembleOn(new GraphBuilder(), catalogue, options);
  kept.builder.reopen();
  const assembly = await assembleOn(kept.builder, catalogue, options);
  // What is not there any more has left its mark on what it shared with others: its word on a layer's size or media type counts no longer.
  const isAllThere = [...kept.roots].every((root) => assembly.roots.has(root));
  return isAllThere ? assembly : assembleOn(new GraphBuilder(), catalogue, options);
}

async function assembleOn(builder: GraphBuilder, catalogue: Catalogue, options: AssembleOptions): Promise<Assembly> {
  const repositories: RepositoryResult[] = [];
  const roots = new Set<Digest>();
  const add = (digests: readonly Digest[]): Promise<void> => load(catalogue, builder, digests);
  for await (const record of catalogue.repositories(options)) {
    if (!options.isWanted(record.name)) continue;
    const { tags = [], referrers = [] } = record.reading ?? {};
    const digests = tags.flatMap(({ digest }) => digest ?? []);
    for (const digest of digests) roots.add(digest);
    await add(digests);
    for (const { subject, referrers: found } of referrers) {
      if (found === null) builder.markPartial(subject);
      for (const referrer of found ?? []) builder.addReferrer(subject, referrer);
      await add(manifestsIn(found ?? []));
    }
    repositories.push(toFinding(record, builder, await catalogue.pulls(record.name)));
    await yieldToEventLoop();
  }
  return { builder, repositories, roots, add };
}

/** About a millisecond's work. */
const MANIFESTS_AT_ONCE = 20;

/** Level by level, each manifest once. */
async function load(catalogue: Catalogue, builder: GraphBuilder, digests: readonly Digest[]): Promise<void> {
  const isOpen = (digest: Digest): boolean => !builder.isRead(digest);
  let level = [...new Set(digests.filter(isOpen))];
  for (let depth = 0; level.length > 0 && depth <= DEEPEST_NESTING; depth++) {
    const children = new Set<Digest>();
    for (const { from, to } of ranges(level.length, MANIFESTS_AT_ONCE)) {
      const manifests = [...(await catalogue.manifests(level.slice(from, to))).values()];
      for (const { digest, sizeBytes, manifest } of manifests) builder.addManifest(digest, sizeBytes, manifest);
      await loadConfigs(catalogue, builder, manifests);
      for (const { manifest } of manifests) for (const child of childManifests(manifest)) children.add(child);
      await yieldToEventLoop();
    }
    level = [...children].filter(isOpen);
  }
}

async function loadConfigs(
  catalogue: Catalogue,
  builder: GraphBuilder,
  manifests: readonly StoredManifest[],
): Promise<void> {
  const digests = manifests.flatMap(({ manifest }) => imageConfigOf(manifest) ?? []);
  for (const [digest, config] of await catalogue.imageConfigs(digests)) builder.addImageConfig(digest, config);
}

const LOST = 'what was read of it is lost; the next collection reads it again';

function toFinding(
  { name, reading, failure }: RepositoryRecord,
  builder: GraphBuilder,
  pulls: ReadonlyMap<string, number>,
): RepositoryResult {
  const tags = reading?.tags.map((tag): TagResult => {
    const lastPulledAt = latest(pulls.get(tag.name), tag.digest && pulls.get(tag.digest));
    if (tag.digest === undefined) return { name: tag.name, lastPulledAt, root: undefined, gap: tag.gap };
    if (builder.isRead(tag.digest)) return { name: tag.name, lastPulledAt, root: builder.node(tag.digest) };
    const gap: Gap = { repository: name, reference: tag.name, code: 'unreadable', reason: LOST };
    return { name: tag.name, lastPulledAt, root: undefined, gap };
  });
  const lost: Gap = { repository: name, code: 'unreadable', reason: LOST };
  const gap = failure ?? (reading === undefined ? lost : illegalTags(name, reading.illegalTags));
  return { name, tags: tags ?? [], gap, staleSince: failure && reading?.readAt };
}

function latest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
}

const MOST_NAMED = 10;

function illegalTags(repository: RepositoryName, tags: readonly string[]): Gap | undefined {
  if (tags.length === 0) return undefined;
  const texts = [...tags].sort(byName).map((text) => `"${text}"`);
  const others = texts.length > MOST_NAMED ? ` and ${texts.length - MOST_NAMED} more` : '';
  const reason = `tags without a legal name: ${texts.slice(0, MOST_NAMED).join(', ')}${others}`;
  return { repository, code: 'unreadable', reason };
}

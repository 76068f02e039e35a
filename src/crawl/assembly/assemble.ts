import { GraphBuilder } from '../../domain/graph/graph-builder.ts';
import { byName, type Digest, type RepositoryName } from '../../domain/names.ts';
import type { RepositoryResult, TagResult } from '../../domain/snapshot/crawl-result.ts';
import type { RepositoryContent, RepositoryRecord } from '../../domain/snapshot/repository-record.ts';
import type { Gap } from '../../domain/snapshot/snapshot.ts';
import type { ListedReferrer } from '../../domain/usage/kept-blobs.ts';
import { ranges } from '../../lib/resumable.ts';
import { yieldToEventLoop } from '../../lib/yielding.ts';
import type { CrawlState, ManifestCache, StoredManifest } from '../../ports.ts';
import { MAX_DEPTH } from '../bounds.ts';
import { childManifests, imageConfigOf, manifestsIn } from '../manifest-reader.ts';

/** The stored records and manifests as one graph. */
export interface Assembly {
  readonly builder: GraphBuilder;
  readonly repositories: readonly RepositoryResult[];
  /** The digests that tags point at. */
  readonly roots: ReadonlySet<Digest>;
  /** Adds manifests that were cached since, and all that they reach. */
  add(digests: readonly Digest[]): Promise<void>;
}

/** The part of an assembly that the next one can start from. */
export type ReusableAssembly = Pick<Assembly, 'builder' | 'roots'>;

export interface AssemblySources {
  readonly crawlState: CrawlState;
  readonly manifestCache: ManifestCache;
}

export interface AssembleOptions {
  /** Whether to use the pending records of the current crawl. */
  readonly withPending: boolean;
  readonly isWanted: (name: RepositoryName) => boolean;
}

/**
 * Builds the graph of all stored repositories that are wanted. If an earlier assembly is given, starts from its graph and loads only new records,
 * as long as that leads to the same graph. Yields to the event loop after about twenty manifests, or the tag list of one repository.
 */
export async function assemble(
  sources: AssemblySources,
  options: AssembleOptions,
  earlier?: ReusableAssembly | undefined,
): Promise<Assembly> {
  if (earlier === undefined || earlier.builder.hasReferrers()) return assembleOn(new GraphBuilder(), sources, options);
  earlier.builder.forgetAbsentBlobs();
  const assembly = await assembleOn(earlier.builder, sources, options);
  // A manifest that is gone has left traces in the graph: what its descriptors stated about layers that other manifests share.
  const areAllThere = [...earlier.roots].every((root) => assembly.roots.has(root));
  return areAllThere ? assembly : assembleOn(new GraphBuilder(), sources, options);
}

async function assembleOn(
  builder: GraphBuilder,
  { crawlState, manifestCache }: AssemblySources,
  options: AssembleOptions,
): Promise<Assembly> {
  const repositories: RepositoryResult[] = [];
  const roots = new Set<Digest>();
  const add = (digests: readonly Digest[]): Promise<void> => load(manifestCache, builder, digests);
  for await (const record of crawlState.repositories(options)) {
    if (!options.isWanted(record.name)) continue;
    const { tags = [], referrers = [] } = record.content ?? {};
    const digests = tags.flatMap(({ digest }) => digest ?? []);
    for (const digest of digests) roots.add(digest);
    await add(digests);
    const listed: ListedReferrer[] = [];
    for (const { subject, referrers: found } of referrers) {
      if (found === null) builder.markPartial(subject);
      for (const referrer of found ?? [])
        listed.push({ subject: builder.node(subject), referrer: builder.addReferrer(subject, referrer) });
      await add(manifestsIn(found ?? []));
    }
    const result = toRepositoryResult(record, builder, await crawlState.pulls(record.name));
    repositories.push(listed.length === 0 ? result : { ...result, referrers: listed });
    await yieldToEventLoop();
  }
  return { builder, repositories, roots, add };
}

/** About a millisecond of work. */
const MANIFESTS_BETWEEN_YIELDS = 20;

/** Adds these manifests and those below them to the graph, level by level, each once. */
async function load(cache: ManifestCache, builder: GraphBuilder, digests: readonly Digest[]): Promise<void> {
  const isOpen = (digest: Digest): boolean => !builder.isRead(digest);
  let level = [...new Set(digests.filter(isOpen))];
  for (let depth = 0; level.length > 0 && depth <= MAX_DEPTH; depth++) {
    const children = new Set<Digest>();
    for (const { from, to } of ranges(level.length, MANIFESTS_BETWEEN_YIELDS)) {
      const manifests = [...(await cache.manifests(level.slice(from, to))).values()];
      for (const { digest, sizeBytes, manifest } of manifests) builder.addManifest(digest, sizeBytes, manifest);
      await loadConfigs(cache, builder, manifests);
      for (const { manifest } of manifests) {
        for (const child of childManifests(manifest)) children.add(child);
        // A subject is cached only if a referrer has kept it alive in an earlier crawl.
        if (manifest.kind !== 'schema1' && manifest.subject !== undefined) children.add(manifest.subject);
      }
      await yieldToEventLoop();
    }
    level = [...children].filter(isOpen);
  }
}

async function loadConfigs(
  cache: ManifestCache,
  builder: GraphBuilder,
  manifests: readonly StoredManifest[],
): Promise<void> {
  const digests = manifests.flatMap(({ manifest }) => imageConfigOf(manifest) ?? []);
  for (const [digest, config] of await cache.imageConfigs(digests)) builder.addImageConfig(digest, config);
}

const LOST = 'the stored data is incomplete; the next crawl reads it again';

function toRepositoryResult(
  { name, content, failure }: RepositoryRecord,
  builder: GraphBuilder,
  pulls: ReadonlyMap<string, number>,
): RepositoryResult {
  const tags = content?.tags.map((tag): TagResult => {
    const lastPulledAt = latest(pulls.get(tag.name), tag.digest && pulls.get(tag.digest));
    const state = { name: tag.name, lastPulledAt, times: tag.times };
    if (tag.digest === undefined) return { ...state, root: undefined, gap: tag.gap };
    if (builder.isRead(tag.digest)) return { ...state, root: builder.node(tag.digest) };
    const gap: Gap = { repository: name, reference: tag.name, code: 'unreadable', reason: LOST };
    return { ...state, root: undefined, gap };
  });
  const lost: Gap = { repository: name, code: 'unreadable', reason: LOST };
  const gap = failure ?? (content === undefined ? lost : listGap(name, content));
  return { name, tags: tags ?? [], gap, staleSince: failure && content?.readAt };
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

const MAX_NAMED = 10;

/** Returns the gap of a repository whose tags could not all be listed; undefined if they could. */
function listGap(repository: RepositoryName, { cut, illegalTags }: RepositoryContent): Gap | undefined {
  const reasons = [...(cut === undefined ? [] : [cut]), ...(illegalTags.length === 0 ? [] : [illegal(illegalTags)])];
  return reasons.length === 0 ? undefined : { repository, code: 'unreadable', reason: reasons.join('; ') };
}

function illegal(tags: readonly string[]): string {
  const texts = [...tags].sort(byName).map((text) => `"${text}"`);
  const more = texts.length > MAX_NAMED ? ` and ${texts.length - MAX_NAMED} more` : '';
  return `tags without a legal name: ${texts.slice(0, MAX_NAMED).join(', ')}${more}`;
}

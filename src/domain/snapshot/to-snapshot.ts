import { type Resumable, runToEnd } from '../../lib/resumable.ts';
import { formatRfc3339 } from '../../lib/rfc3339.ts';
import { isReadManifest } from '../graph/blob-facts.ts';
import { type BlobGraph, mediaTypeAt, subjectOf } from '../graph/graph.ts';
import { blobsOf, NO_ROOT } from '../graph/reachable-blobs.ts';
import { byName, type Digest } from '../names.ts';
import { figuresOf } from '../usage/figures.ts';
import { GARBAGE_COLLECTORS, type GarbageCollector } from '../usage/garbage-collector.ts';
import { findHazard } from '../usage/hazard.ts';
import { summarizeImages } from '../usage/platforms.ts';
import { buildTree, parentPath, prefixesOf, REGISTRY_NODE, type Tree } from '../usage/tree.ts';
import { measureInSteps, type Usage } from '../usage/usage.ts';
import { accessoryManifests, kindOfNode, subjectOfTag, sumByKind } from '../usage/usage-by-kind.ts';
import type { CrawlResult, RepositoryResult, TagResult } from './crawl-result.ts';
import type {
  Figures,
  Gap,
  NamespaceUsage,
  RepositoryUsage,
  Snapshot,
  TagFigures,
  TagManifest,
  TagStatus,
} from './snapshot.ts';

/** Computes the snapshot of a crawl result: all figures, everything sorted by name. */
export function toSnapshot(crawlResult: CrawlResult): Snapshot {
  return runToEnd(toSnapshotInSteps(crawlResult));
}

/** Does the same in steps of a few milliseconds each. */
export function* toSnapshotInSteps(crawlResult: CrawlResult): Resumable<Snapshot> {
  const measured = yield* measureCrawl(crawlResult);
  const { graph, usage, roots, accessories, isEngineKnown } = measured;
  const repositories = yield* toRepositories(measured);
  const kinds = repositories.flatMap(({ tags }) => tags.map(({ manifest }) => manifest?.kind ?? null));
  yield;
  return {
    id: formatRfc3339(crawlResult.finishedAt),
    startedAt: crawlResult.startedAt,
    finishedAt: crawlResult.finishedAt,
    figures: verified(
      figuresOf(usage, REGISTRY_NODE, measured.unlisted.size === 0 && crawlResult.cut === undefined, isEngineKnown),
      crawlResult,
    ),
    garbageCollector: crawlResult.garbageCollector,
    configsPending: crawlResult.configsPending ?? 0,
    hazard: findHazard(graph, measured.repositories, measured.collector),
    kinds: sumByKind(graph, usage.repositoriesReaching, accessories, kinds),
    namespaces: toNamespaces(measured),
    repositories,
    gaps: yield* gapsOf(measured, repositories),
    ...(crawlResult.pulledThroughAt !== undefined && { pulledThroughAt: crawlResult.pulledThroughAt }),
    contents: { graph, roots, usage, accessories, repositoryOf: repositoriesOfTags(measured) },
  };
}

/** Returns the figures, as incomplete if the registry is a pull-through cache, which names blobs that it may not store, or if it hides referrers. */
function verified(figures: Figures, crawlResult: CrawlResult): Figures {
  const isVerified = crawlResult.pulledThroughAt === undefined && missingReferrers(crawlResult) === undefined;
  return isVerified ? figures : { ...figures, isComplete: false };
}

/** Returns why referrers are missing, if the garbage collector keeps some without a tag; undefined if none can be missing. */
function missingReferrers({ referrersRefusal, garbageCollector }: CrawlResult): string | undefined {
  return GARBAGE_COLLECTORS[garbageCollector.engine].untaggedReferrers === 'collected' ? undefined : referrersRefusal;
}

/** The crawl result, sorted, with everything that is computed from it. The position of a tag is its index in the list of all tags. */
interface Measured extends CrawlResult {
  readonly collector: GarbageCollector;
  readonly isEngineKnown: boolean;
  readonly roots: Int32Array;
  readonly tree: Tree;
  readonly usage: Usage;
  readonly accessories: ReadonlySet<number>;
  /** By position: the digest that the tag is an accessory of by its name. Most tags are not accessories. */
  readonly subjects: ReadonlyMap<number, Digest>;
  /** The repositories whose tags could not all be listed, and all namespaces that contain them. */
  readonly unlisted: ReadonlySet<string>;
}

/** A few milliseconds of work each. */
const TAGS_PER_STEP = 2000;
const GAPS_PER_STEP = 500;

function* measureCrawl(crawlResult: CrawlResult): Resumable<Measured> {
  const { graph, illegal } = crawlResult;
  const repositories = (yield* withSortedTags(crawlResult.repositories)).sort((a, b) => byName(a.name, b.name));
  const tags = repositories.flatMap((repository) => repository.tags);
  const roots = new Int32Array(tags.length).fill(NO_ROOT);
  const subjects = new Map<number, Digest>();
  const accessoryTags: { readonly root: number; readonly isAccessory: boolean }[] = [];
  for (const [position, { name, root }] of tags.entries()) {
    if (position % TAGS_PER_STEP === 0) yield;
    if (root === undefined) continue;
    roots[position] = root;
    const subject = subjectOfTag(graph, name, root);
    if (subject !== undefined) subjects.set(position, subject);
    accessoryTags.push({ root, isAccessory: subject !== undefined });
  }
  const tree = buildTree(repositories.map(({ name, tags }) => ({ name, tagsCount: tags.length })));
  yield;
  const { engine } = crawlResult.garbageCollector;
  const collector = GARBAGE_COLLECTORS[engine];
  const referrers = repositories.map((repository) => repository.referrers ?? []);
  const usage = yield* measureInSteps(graph, tree, roots, { collector, referrers });
  yield;
  return {
    ...crawlResult,
    collector,
    isEngineKnown: engine !== 'unknown',
    repositories,
    roots,
    tree,
    usage,
    accessories: accessoryManifests(graph, accessoryTags),
    subjects,
    unlisted: new Set([
      ...repositories.flatMap(({ name, gap }) => (gap === undefined ? [] : prefixesOf(name))),
      ...[...illegal].flatMap(prefixesOf),
    ]),
  };
}

/** Sorts the tags of each repository; those of one repository in a single step. */
function* withSortedTags(repositories: readonly RepositoryResult[]): Resumable<RepositoryResult[]> {
  const sorted: RepositoryResult[] = [];
  let tagsCount = 0;
  for (const repository of repositories) {
    sorted.push({ ...repository, tags: repository.tags.toSorted((a, b) => byName(a.name, b.name)) });
    tagsCount += repository.tags.length;
    if (tagsCount < TAGS_PER_STEP) continue;
    tagsCount = 0;
    yield;
  }
  return sorted;
}

function* toRepositories(measured: Measured): Resumable<readonly RepositoryUsage[]> {
  const { repositories, tree, usage, isEngineKnown } = measured;
  const namespaces = new Set(tree.namespaces.map(({ path }) => path));
  const manifestOf = createManifests(measured);
  const result: RepositoryUsage[] = [];
  let position = 0;
  for (const [place, { name, gap, staleSince = null, tags }] of repositories.entries()) {
    const figures: TagFigures[] = [];
    for (const tag of tags) {
      if (position % TAGS_PER_STEP === 0) yield;
      figures.push(toTag(measured, tag, position++, manifestOf));
    }
    result.push({
      ...verified(figuresOf(usage, tree.nodeOfRepository[place] ?? 0, gap === undefined, isEngineKnown), measured),
      name,
      namespace: namespaces.has(name) ? name : parentPath(name),
      tags: figures,
      staleSince,
    });
  }
  return result;
}

type ManifestOf = (root: number, position: number) => TagManifest;

function toTag(
  { usage, tree, isEngineKnown }: Measured,
  tag: TagResult,
  position: number,
  manifestOf: ManifestOf,
): TagFigures {
  const figures = figuresOf(usage, tree.nodeOfTag[position] ?? 0, true, isEngineKnown);
  // Field by field: a spread costs V8 more time and memory, and there may be a million tags.
  return {
    name: tag.name,
    status: statusOf(tag, figures.isComplete),
    sizeBytes: figures.sizeBytes,
    diskSizeBytes: figures.diskSizeBytes,
    deduplicatedBytes: figures.deduplicatedBytes,
    reclaimableBytes: figures.reclaimableBytes,
    metadataBytes: figures.metadataBytes,
    databaseBytes: figures.databaseBytes,
    tagsCount: figures.tagsCount,
    isComplete: figures.isComplete,
    manifest: tag.root === undefined ? null : manifestOf(tag.root, position),
    lastPulledAt: tag.lastPulledAt ?? null,
    times: tag.times,
  };
}

function statusOf(tag: TagResult, isComplete: boolean): TagStatus {
  if (tag.root === undefined) return tag.gap.code === 'unsupported' ? 'unsupported' : 'broken';
  return isComplete ? 'ok' : 'incomplete';
}

/**
 * Returns a function that describes the manifest of a tag. Tags of one manifest share one object, unless their names make it an accessory of
 * something.
 */
function createManifests({ graph, usage: { contained }, accessories, subjects }: Measured): ManifestOf {
  const manifests: TagManifest[] = [];
  const make = (root: number, number: number): TagManifest => {
    const { platforms, createdAt } = summarizeImages(graph, root);
    return {
      digest: graph.digests.at(root),
      mediaType: mediaTypeAt(graph, root),
      kind: kindOfNode(graph, accessories, root) ?? 'image',
      subject: subjectOf(graph, root),
      platforms,
      createdAt,
      layersCount: contained.layersCount[number] ?? 0,
    };
  };
  return (root, position) => {
    const number = contained.ofTag[position] ?? 0;
    manifests[number] ??= make(root, number);
    const manifest = manifests[number];
    const subject = manifest.subject ?? subjects.get(position);
    return subject === manifest.subject ? manifest : { ...manifest, subject };
  };
}

function toNamespaces(measured: Measured): readonly NamespaceUsage[] {
  const { tree, usage, unlisted, cut, isEngineKnown } = measured;
  return tree.namespaces
    .map(({ path, node }): NamespaceUsage => {
      const figures = figuresOf(usage, node, !unlisted.has(path) && cut === undefined, isEngineKnown);
      return { ...verified(figures, measured), path, namespace: parentPath(path) };
    })
    .sort((a, b) => byName(a.path, b.path));
}

function* gapsOf(measured: Measured, repositories: readonly RepositoryUsage[]): Resumable<readonly Gap[]> {
  const { usage, tree } = measured;
  const gaps = [...measured.illegal].map(illegalGap);
  let position = 0;
  const referrers = missingReferrers(measured);
  if (referrers !== undefined)
    gaps.push({ repository: null, code: 'unreadable', reason: `the registry lists no referrers: ${referrers}` });
  if (measured.pulledThroughAt !== undefined) gaps.push({ repository: null, code: 'unverified', reason: PULL_THROUGH });
  if (measured.cut !== undefined) gaps.push({ repository: null, code: 'unreadable', reason: measured.cut });
  for (const [place, { name, gap, staleSince, tags }] of measured.repositories.entries()) {
    if (gap !== undefined) gaps.push(staleSince === undefined ? gap : { ...gap, staleSince });
    const kept = usage.keptByRepository.get(tree.nodeOfRepository[place] ?? 0) ?? -1;
    if (usage.kept.isIncomplete[kept] === 1) gaps.push({ repository: name, ...missingIn(measured, kept) });
    for (const [i, tag] of tags.entries()) {
      const number = usage.kept.ofTag[position++] ?? 0;
      if (tag.root === undefined) gaps.push(tag.gap);
      else if (repositories[place]?.tags[i]?.status === 'incomplete') {
        gaps.push({ repository: name, reference: tag.name, ...missingIn(measured, number) });
        if (gaps.length % GAPS_PER_STEP === 0) yield;
      }
    }
  }
  yield;
  return gaps.sort((a, b) => byName(a.repository ?? '', b.repository ?? ''));
}

function repositoriesOfTags({ repositories, roots }: Measured): Uint32Array {
  const repositoryOf = new Uint32Array(roots.length);
  let position = 0;
  for (const [place, { tags }] of repositories.entries()) {
    repositoryOf.fill(place, position, position + tags.length);
    position += tags.length;
  }
  return repositoryOf;
}

const PULL_THROUGH =
  'the registry is a pull-through cache: it names layers and configs that it may not store, and stores what crawls read';

function illegalGap(repository: string): Gap {
  return { repository, code: 'unreadable', reason: 'the registry lists it, but the name is not legal' };
}

/** The rest is in the list of the tag's blobs. */
const MAX_NAMED = 3;

/** Returns what is missing of the blobs in that list, or stored with another size than it should have. */
function missingIn({ graph, usage }: Measured, number: number): Pick<Gap, 'code' | 'reason'> {
  const faulty = blobsOf(usage.kept, number).filter((node) => graph.isMissing[node] === 1);
  const isOtherSize = (node: number): boolean => !Number.isNaN(graph.bytes[node]) && !isReadManifest(graph, node);
  const missing = someOf(
    graph,
    faulty.filter((node) => !isOtherSize(node)),
  );
  const otherSize = someOf(graph, faulty.filter(isOtherSize));
  const reasons = [
    ...(missing === undefined ? [] : [`not stored, or not readable: ${missing}`]),
    ...(otherSize === undefined ? [] : [`stored with another size than the manifests state: ${otherSize}`]),
  ];
  return { code: missing === undefined ? 'unreadable' : 'missing', reason: reasons.join('; ') };
}

function someOf({ digests }: BlobGraph, nodes: Uint32Array): string | undefined {
  if (nodes.length === 0) return undefined;
  const named = Array.from(nodes, digests.at).sort(byName).slice(0, MAX_NAMED).join(', ');
  return nodes.length > MAX_NAMED ? `${named} and ${nodes.length - MAX_NAMED} more` : named;
}

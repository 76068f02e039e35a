import { type Description, describe } from '../domain/describe.ts';
import { figuresOf } from '../domain/figures.ts';
import type { BlobGraph } from '../domain/graph.ts';
import type { ImageConfig } from '../domain/image-config.ts';
import { accessoryManifests, kindOfNode, subjectOfTag, sumByKind } from '../domain/kinds.ts';
import { byName, type Digest } from '../domain/names.ts';
import { NO_ROOT } from '../domain/reach.ts';
import type { Gap, NamespaceUsage, RepositoryUsage, Snapshot, TagFigures, TagManifest } from '../domain/snapshot.ts';
import { buildTree, parentPath, prefixesOf, REGISTRY_NODE, type Tree } from '../domain/tree.ts';
import { measure, type Usage } from '../domain/usage.ts';
import type { RepositoryFinding, TagFinding } from './findings.ts';

/** What a crawl read. Times are milliseconds since the epoch. */
export interface Reading {
  readonly graph: BlobGraph;
  readonly findings: readonly RepositoryFinding[];
  /** What the registry lists as repositories, under names that nobody can ask for. It holds bytes all the same. */
  readonly illegal: ReadonlySet<string>;
  readonly configs: ReadonlyMap<Digest, ImageConfig>;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Counts what was found, and puts it in order. */
export function toSnapshot(f: any): Snapshot {
  const reading: any = {
    ...f,
    findings: f.repositories.map((r: any) => ({ ...r, tags: [...r.tags] })),
    configs: f.graph.configs,
  };
  const counted = count(reading);
  const { usage, findings, roots, accessories } = counted;
  const repositories = toRepositories(counted);
  const kinds = repositories.flatMap(({ tags }) => tags.map(({ manifest }) => manifest?.kind ?? null));
  return {
    id: new Date(reading.finishedAt).toISOString(),
    startedAt: reading.startedAt,
    finishedAt: reading.finishedAt,
    figures: figuresOf(usage, REGISTRY_NODE, counted.unlisted.size === 0),
    kinds: sumByKind(reading.graph, usage.tagsReaching, accessories, kinds),
    namespaces: toNamespaces(counted),
    repositories,
    gaps: gapsOf(counted, repositories),
    contents: {
      graph: reading.graph,
      roots,
      usage,
      accessories,
      configs: reading.configs,
      repositoryOf: Uint32Array.from(findings.flatMap(({ tags }, place) => tags.map(() => place))),
    },
  };
}

interface Counted extends Reading {
  readonly roots: Int32Array;
  readonly tree: Tree;
  readonly usage: Usage;
  readonly accessories: ReadonlySet<number>;
  /** Once for each root, however many tags point at it. */
  readonly describeRoot: (root: number) => Description;
  /** The repositories whose tags nobody knows, and all namespaces around them. */
  readonly unlisted: ReadonlySet<string>;
}

function count(reading: Reading): Counted {
  const { graph } = reading;
  const findings = [...reading.findings].sort((a, b) => byName(a.name, b.name));
  for (const finding of findings) finding.tags.sort((a, b) => byName(a.name, b.name));
  const tags = findings.flatMap((finding) => finding.tags);
  const roots = Int32Array.from(tags, ({ root }) => root ?? NO_ROOT);
  const tree = buildTree(findings.map(({ name, tags }) => ({ name, tagsCount: tags.length })));
  const accessoryTags = tags.flatMap(({ name, root }) =>
    root === undefined ? [] : { root, isAccessory: subjectOfTag(graph, name, root) !== undefined },
  );
  return {
    ...reading,
    findings,
    roots,
    tree,
    usage: measure(graph, tree, roots),
    accessories: accessoryManifests(graph, accessoryTags),
    describeRoot: remembered((root) => describe(graph, reading.configs, root)),
    unlisted: new Set([
      ...findings.flatMap(({ name, gap }) => (gap === undefined ? [] : prefixesOf(name))),
      ...[...reading.illegal].flatMap(prefixesOf),
    ]),
  };
}

function remembered<T>(make: (node: number) => T): (node: number) => T {
  const known = new Map<number, T>();
  return (node) => {
    const made = known.get(node) ?? make(node);
    known.set(node, made);
    return made;
  };
}

function toRepositories(counted: Counted): readonly RepositoryUsage[] {
  const { findings, tree, usage } = counted;
  const namespaces = new Set(tree.namespaces.map(({ path }) => path));
  let position = 0;
  return findings.map((finding, place): RepositoryUsage => {
    const { name, gap, tags } = finding;
    return {
      ...figuresOf(usage, tree.nodeOfRepository[place] ?? 0, gap === undefined),
      name,
      namespace: namespaces.has(name) ? name : parentPath(name),
      tags: tags.map((tag) => toTag(counted, tag, position++)),
      staleSince: null,
    };
  });
}

function toTag(counted: Counted, tag: TagFinding, position: number): TagFigures {
  const figures = figuresOf(counted.usage, counted.tree.nodeOfTag[position] ?? 0, true);
  if (tag.root === undefined) {
    const status = tag.gap.code === 'unsupported' ? 'unsupported' : 'broken';
    return { ...figures, name: tag.name, status, manifest: null, lastPulledAt: null };
  }
  const status = figures.isComplete ? 'ok' : 'incomplete';
  return { ...figures, name: tag.name, status, manifest: toManifest(counted, tag, tag.root), lastPulledAt: null };
}

function toManifest(
  { graph, usage, accessories, describeRoot }: Counted,
  { name }: TagFinding,
  root: number,
): TagManifest {
  return {
    digest: graph.digests[root] as Digest,
    mediaType: graph.mediaTypes[graph.mediaTypeOf[root] ?? 0] ?? '',
    kind: kindOfNode(graph, accessories, root) ?? 'image',
    subject: graph.manifests.get(root)?.subject ?? subjectOfTag(graph, name, root),
    ...describeRoot(root),
    layersCount: usage.reach.layersCount[usage.reach.ofRoot[root] ?? 0] ?? 0,
  };
}

function toNamespaces({ tree, usage, unlisted }: Counted): readonly NamespaceUsage[] {
  return tree.namespaces
    .map(({ path, node }): NamespaceUsage => {
      return { ...figuresOf(usage, node, !unlisted.has(path)), path, namespace: parentPath(path) };
    })
    .sort((a, b) => byName(a.path, b.path));
}

function gapsOf(counted: Counted, repositories: readonly RepositoryUsage[]): readonly Gap[] {
  const gaps = [...counted.illegal].map(illegalGap);
  for (const [place, { name, gap, tags }] of counted.findings.entries()) {
    if (gap !== undefined) gaps.push(gap);
    for (const [i, tag] of tags.entries()) {
      if (tag.root === undefined) gaps.push(tag.gap);
      else if (repositories[place]?.tags[i]?.status === 'incomplete') {
        gaps.push({ repository: name, reference: tag.name, code: 'missing', reason: missingBelow(counted, tag.root) });
      }
    }
  }
  return gaps.sort((a, b) => byName(a.repository, b.repository));
}

function illegalGap(repository: string): Gap {
  return { repository, code: 'unreadable', reason: 'the registry lists it, but the name is not legal' };
}

/** More than that nobody reads; the tag's blobs name the rest. */
const MOST_NAMED = 3;

/** Which of the blobs that a root reaches are not there, or not all of them. */
function missingBelow({ graph, usage: { reach } }: Counted, root: number): string {
  const number = reach.ofRoot[root] ?? 0;
  const below = reach.blobs.subarray(reach.start[number], reach.start[number + 1]);
  const missing = [...below.filter((node) => graph.isMissing[node] === 1)].map((node) => graph.digests[node] ?? '');
  const named = missing.sort(byName).slice(0, MOST_NAMED).join(', ');
  const others = missing.length > MOST_NAMED ? ` and ${missing.length - MOST_NAMED} more` : '';
  return `not stored, or not readable: ${named}${others}`;
}

import type { BlobGraph } from '../domain/graph.ts';
import { byName } from '../domain/names.ts';
import type { Gap, RepositoryUsage, Snapshot, TagFigures } from '../domain/snapshot.ts';
import { attribute, type TagUsage } from '../domain/usage.ts';
import type { RepositoryFinding, TagFinding } from './findings.ts';

/** Counts what was found, and puts it in order. */
export function toSnapshot(
  graph: BlobGraph,
  findings: readonly RepositoryFinding[],
  times: Pick<Snapshot, 'startedAt' | 'finishedAt'>,
): Snapshot {
  const sorted = [...findings].sort((a, b) => byName(a.name, b.name));
  for (const finding of sorted) finding.tags.sort((a, b) => byName(a.name, b.name));
  const roots = sorted.flatMap((finding) => finding.tags.flatMap((tag) => tag.root ?? []));
  const usage = attribute(graph, Uint32Array.from(roots));
  const gaps: Gap[] = [];
  let position = 0;
  const repositories = sorted.map((finding): RepositoryUsage => {
    if (finding.gap) gaps.push(finding.gap);
    const tags = finding.tags.map((tag) => {
      const figures = toFigures(tag, usage, position);
      if (tag.root !== undefined) position++;
      else gaps.push(tag.gap);
      if (figures.status === 'incomplete') gaps.push(incompleteGap(finding, tag));
      return figures;
    });
    return { name: finding.name, tags, ...sums(finding, tags) };
  });
  return { ...times, repositories, gaps };
}

function toFigures(tag: TagFinding, usage: TagUsage, position: number): TagFigures {
  if (tag.root === undefined) {
    const status = tag.gap.code === 'unsupported' ? 'unsupported' : 'broken';
    return { name: tag.name, status, sizeBytes: null, diskSizeBytes: null };
  }
  return {
    name: tag.name,
    status: usage.isIncomplete[position] === 1 ? 'incomplete' : 'ok',
    sizeBytes: usage.sizeBytes[position] ?? null,
    diskSizeBytes: usage.diskSizeBytes[position] ?? null,
  };
}

/** Sums over the tags that are known; unknown where none of them is, although there are some. */
function sums(
  finding: RepositoryFinding,
  tags: readonly TagFigures[],
): Pick<RepositoryUsage, 'sizeBytes' | 'diskSizeBytes' | 'isComplete'> {
  let sizeBytes = 0;
  let diskSizeBytes = 0;
  let knownCount = 0;
  for (const tag of tags) {
    if (tag.sizeBytes === null || tag.diskSizeBytes === null) continue;
    sizeBytes += tag.sizeBytes;
    diskSizeBytes += tag.diskSizeBytes;
    knownCount++;
  }
  const isUnknown = finding.gap !== undefined || (tags.length > 0 && knownCount === 0);
  return {
    sizeBytes: isUnknown ? null : sizeBytes,
    diskSizeBytes: isUnknown ? null : diskSizeBytes,
    isComplete: finding.gap === undefined && tags.every((tag) => tag.status === 'ok'),
  };
}

function incompleteGap({ name }: RepositoryFinding, tag: TagFinding): Gap {
  return {
    repository: name,
    reference: tag.name,
    code: 'missing',
    reason: 'it names blobs that are not stored, or could not be read',
  };
}

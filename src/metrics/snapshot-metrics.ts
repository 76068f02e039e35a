import { Gauge, type Registry } from '@prometheus-io/client';
import { countStale } from '../api/hal/represent-figures.ts';
import type { Figures, Gap, GapCode, Snapshot } from '../domain/snapshot/snapshot.ts';
import type { Clock, Snapshots } from '../ports.ts';
import { addGauge, PREFIX } from './gauges.ts';

export interface SnapshotSeriesOptions {
  readonly snapshots: Snapshots;
  readonly clock: Clock;
  /** How many have series of their own, the largest first. The sum of the others would be no figure: what they share would count several times. */
  readonly namespacesLimit: number;
  readonly repositoriesLimit: number;
}

/**
 * What the last snapshot holds, without anything that takes longer the more tags there are.
 *
 * @returns brings what has a label up to date, at most once a snapshot: to be called before each scrape
 */
export function addSnapshotMetrics(registry: Registry, options: SnapshotSeriesOptions): () => void {
  const { snapshots, namespacesLimit, repositoriesLimit } = options;
  addUnlabelled(registry, options);
  const setGaps = addGaps(registry);
  const setNamespaces = addNamed(registry, NAMESPACES);
  const setRepositories = addNamed(registry, REPOSITORIES);
  // Weakly: a snapshot that nobody else holds is not held until the next scrape.
  let shown: WeakRef<Snapshot> | undefined;
  return () => {
    const snapshot = snapshots.latest();
    if (snapshot === undefined || snapshot === shown?.deref()) return;
    shown = new WeakRef(snapshot);
    const top = snapshot.namespaces.filter(({ namespace }) => namespace === undefined);
    setGaps(snapshot.gaps);
    setNamespaces(top, namespacesLimit, ({ path }) => path);
    setRepositories(snapshot.repositories, repositoriesLimit, ({ name }) => name);
  };
}

function addUnlabelled(registry: Registry, { snapshots: { latest }, clock }: SnapshotSeriesOptions): void {
  const gauge = addGauge.bind(undefined, registry);
  const finishedAt = (): number | undefined => latest()?.finishedAt;
  gauge('snapshot_timestamp_seconds', 'When the last snapshot was taken: the time that its id is.', () => {
    const at = finishedAt();
    return at === undefined ? undefined : at / 1000;
  });
  gauge('snapshot_age_seconds', 'How long ago that was.', () => {
    const at = finishedAt();
    return at === undefined ? undefined : Math.max(0, clock() - at) / 1000;
  });
  gauge('snapshot_complete', '1 if nothing is missing in it; else 0, and its figures are lower bounds.', () => {
    const figures = latest()?.figures;
    return figures && Number(figures.isComplete);
  });
  gauge('repositories', 'Repositories of the registry.', () => latest()?.repositories.length);
  gauge('stale_repositories', 'Repositories with figures of an earlier collection.', () => {
    const snapshot = latest();
    return snapshot && countStale(snapshot);
  });
  for (const { name, help, of } of FIGURES) {
    gauge(name, help('the registry'), () => {
      const figures = latest()?.figures;
      return figures && of(figures);
    });
  }
}

const GAP_CODES: readonly GapCode[] = ['forbidden', 'missing', 'unsupported', 'unreadable'];

function addGaps(registry: Registry) {
  const gauge = new Gauge({
    name: `${PREFIX}gaps`,
    help: 'What the last collection could not read, by the reason.',
    labelNames: ['code'],
    registers: [registry],
  });
  return (gaps: readonly Gap[]): void => {
    for (const code of GAP_CODES) gauge.set({ code }, 0);
    for (const { code } of gaps) gauge.inc({ code });
  };
}

interface Named {
  readonly label: string;
  readonly plural: string;
  readonly node: string;
}

const NAMESPACES: Named = { label: 'namespace', plural: 'namespaces', node: 'the top-level namespace' };
const REPOSITORIES: Named = { label: 'repository', plural: 'repositories', node: 'the repository' };

/** The figures of the largest of many, by name, and how many others there are. */
function addNamed(registry: Registry, { label, plural, node }: Named) {
  const gauges = FIGURES.map(({ name, help, of }) => {
    const named = { name: `${PREFIX}${label}_${name}`, help: help(node), labelNames: [label], registers: [registry] };
    return { gauge: new Gauge(named), of };
  });
  let leftOutCount: number | undefined;
  addGauge(
    registry,
    `${plural}_left_out`,
    `How many smaller ${plural} have no series of their own.`,
    () => leftOutCount,
  );
  return <T extends Figures>(all: readonly T[], limit: number, nameOf: (one: T) => string): void => {
    const largest = all.toSorted((a, b) => (b.deduplicatedBytes ?? -1) - (a.deduplicatedBytes ?? -1)).slice(0, limit);
    leftOutCount = all.length - largest.length;
    for (const { gauge, of } of gauges) {
      gauge.reset();
      for (const one of largest) {
        const value = of(one);
        if (value !== null) gauge.set({ [label]: nameOf(one) }, value);
      }
    }
  };
}

interface Figure {
  /** As the API names it, with its unit. */
  readonly name: string;
  help(node: string): string;
  /** Null is unknown. */
  of(figures: Figures): number | null;
}

const FIGURES: readonly Figure[] = [
  {
    name: 'deduplicated_bytes',
    help: (node) => `Bytes of all blobs that can be reached from ${node}, each once.`,
    of: ({ deduplicatedBytes }) => deduplicatedBytes,
  },
  {
    name: 'reclaimable_bytes',
    help: (node) => `Bytes of those of them that can be reached from nowhere but ${node}.`,
    of: ({ reclaimableBytes }) => reclaimableBytes,
  },
  {
    name: 'size_bytes',
    help: (node) => `Bytes of the layers of each tag of ${node}, added up.`,
    of: ({ sizeBytes }) => sizeBytes,
  },
  {
    name: 'disk_size_bytes',
    help: (node) => `Bytes of the layers that are charged to the tags of ${node}: these add up.`,
    of: ({ diskSizeBytes }) => diskSizeBytes,
  },
  {
    name: 'metadata_bytes',
    help: (node) => `The part of the deduplicated bytes of ${node} that is no layer.`,
    of: ({ metadataBytes }) => metadataBytes,
  },
  {
    name: 'tags',
    help: (node) => `Tags of ${node}.`,
    // Where the tags could not be listed, nobody knows that there are none.
    of: ({ tagsCount, deduplicatedBytes }) => (tagsCount === 0 && deduplicatedBytes === null ? null : tagsCount),
  },
];

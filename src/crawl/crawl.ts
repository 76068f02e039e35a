import { byName, type RepositoryName, type TagName } from '../domain/names.ts';
import type { Gap, Snapshot } from '../domain/snapshot.ts';
import type { Clock, CrawlProgress, Registry } from '../ports.ts';
import { gapFrom, unlessUnavailable } from './failures.ts';
import type { RepositoryFinding } from './findings.ts';
import { askElsewhere } from './leftovers.ts';
import { forEachLimited, type Workers } from './limited.ts';
import { createReader, type Reader, type ReaderOptions } from './reader.ts';
import { hangReferrers } from './referrers.ts';
import { toSnapshot } from './to-snapshot.ts';

export interface CrawlOptions extends ReaderOptions {
  /** How many requests to have under way. */
  readonly width: number;
  readonly clock: Clock;
  /** Counted up while the crawl goes on. */
  readonly progress: CrawlProgress;
}

/**
 * Reads a whole registry: every repository, every tag, and below it every manifest once.
 * What cannot be read is a gap. Throws where there is nothing to read: no list of repositories, or a registry that has gone.
 */
export async function crawl(registry: Registry, options: CrawlOptions): Promise<Snapshot> {
  const { clock, progress } = options;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const workers: CrawlWorkers = { ...options, signal, ended };
  const startedAt = clock();
  const found = new Map<RepositoryName, RepositoryFinding>();
  const illegal = new Set<string>();
  const reader = createReader(registry, workers);
  await forEachLimited(registry.repositories(signal), workers, async (name) => {
    if (typeof name !== 'string') return void illegal.add(name.illegal);
    if (found.has(name)) return; // a listing that shifts between two pages may name a repository twice
    const finding: RepositoryFinding = { name, tags: [] };
    found.set(name, finding);
    progress.repositoriesFound++;
    await readRepository(registry, reader, finding, workers);
    progress.repositoriesRead++;
  });
  const findings = [...found.values()];
  await askElsewhere(registry, reader, findings, workers);
  await hangReferrers(registry, reader, findings, workers);
  await askElsewhere(registry, reader, findings, workers);
  const graph = reader.builder.build();
  return toSnapshot({ graph, findings, illegal, configs: reader.configs, startedAt, finishedAt: clock() });
}

type CrawlWorkers = CrawlOptions & Workers;

async function readRepository(
  registry: Registry,
  reader: Reader,
  finding: RepositoryFinding,
  workers: CrawlWorkers,
): Promise<void> {
  const { signal, progress } = workers;
  const repository = finding.name;
  const listed = await registry.tags(repository, signal).catch((error: unknown) => {
    finding.gap = gapFrom(error, repository);
    return [];
  });
  const names = listed.flatMap((tag) => ('illegal' in tag ? [] : tag.name));
  const illegal = listed.flatMap((tag) => ('illegal' in tag ? tag.illegal : []));
  if (illegal.length > 0) finding.gap = illegalTags(repository, illegal);
  progress.tagsFound += names.length;
  const absent: TagName[] = [];
  await forEachLimited(names, workers, async (name) => {
    const tag = await reader.readTag(repository, name);
    if (tag === undefined) absent.push(name);
    else finding.tags.push(tag);
    progress.tagsRead++;
  });
  if (absent.length === 0) return;
  // Listed, and not there: deleted meanwhile if a second listing says so, otherwise broken.
  const again = await registry.tags(repository, signal).catch(unlessUnavailable);
  const stillListed = new Set(again?.flatMap((tag) => ('illegal' in tag ? [] : tag.name)) ?? absent);
  for (const name of absent) {
    if (!stillListed.has(name)) continue;
    const gap: Gap = { repository, reference: name, code: 'missing', reason: 'the tag is listed, but has no manifest' };
    finding.tags.push({ name, root: undefined, gap });
  }
}

const MOST_NAMED = 10;

function illegalTags(repository: RepositoryName, tags: readonly string[]): Gap {
  const texts = [...tags].sort(byName).map((text) => `"${text}"`);
  const others = texts.length > MOST_NAMED ? ` and ${texts.length - MOST_NAMED} more` : '';
  const reason = `tags without a legal name: ${texts.slice(0, MOST_NAMED).join(', ')}${others}`;
  return { repository, code: 'unreadable', reason };
}

import { GraphBuilder } from '../domain/graph.ts';
import { isManifestType, type Manifest } from '../domain/manifest.ts';
import type { Digest, RepositoryName, TagName } from '../domain/names.ts';
import type { Gap, GapCode, Snapshot } from '../domain/snapshot.ts';
import type { Clock, Registry, RegistryFailure } from '../ports.ts';
import type { RepositoryFinding, TagFinding } from './findings.ts';
import { askElsewhere } from './leftovers.ts';
import { forEachLimited } from './limited.ts';
import { toSnapshot } from './to-snapshot.ts';

export interface CrawlOptions {
  /** How many requests to have under way. */
  readonly width: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Deeper than this nobody nests an index but to harm whoever follows it. */
const DEEPEST_NESTING = 32;

/**
 * Reads a whole registry: every repository, every tag, and below it every manifest once.
 * What cannot be read is a gap. Throws where there is nothing to read: no list of repositories, or a registry that has gone.
 */
export async function crawl(registry: Registry, { width, clock, signal }: CrawlOptions): Promise<Snapshot> {
  const startedAt = clock();
  const findings = new Map<RepositoryName, RepositoryFinding>();
  const reader = createReader(registry, signal);
  await forEachLimited(registry.repositories(signal), width, async (name) => {
    if (findings.has(name)) return; // a listing that shifts between two pages may name a repository twice
    const finding: RepositoryFinding = { name, tags: [] };
    findings.set(name, finding);
    await readRepository(registry, reader, finding, width, signal);
  });
  const repositories = [...findings.values()];
  await askElsewhere(registry, reader.builder, repositories, reader.readBelow, { width, signal });
  return toSnapshot(reader.builder.build(), repositories, { startedAt, finishedAt: clock() });
}

async function readRepository(
  registry: Registry,
  reader: Reader,
  finding: RepositoryFinding,
  width: number,
  signal: AbortSignal,
): Promise<void> {
  const repository = finding.name;
  const names = await registry.tags(repository, signal).catch((error: unknown) => {
    finding.gap = gapFrom(error, repository);
    return [];
  });
  const absent: TagName[] = [];
  await forEachLimited(names, width, async (name) => {
    const tag = await reader.readTag(repository, name);
    if (tag === undefined) absent.push(name);
    else finding.tags.push(tag);
  });
  if (absent.length === 0) return;
  // Listed, and not there: deleted meanwhile if a second listing says so, otherwise broken.
  const listed = new Set(await registry.tags(repository, signal).catch(() => absent));
  for (const name of absent) {
    if (!listed.has(name)) continue;
    const gap: Gap = { repository, reference: name, code: 'missing', reason: 'the tag is listed, but has no manifest' };
    finding.tags.push({ name, root: undefined, gap });
  }
}

interface Reader {
  readonly builder: GraphBuilder;
  /** The tag's root, or the gap in its place; undefined where the registry has no such tag. */
  readTag(repository: RepositoryName, name: TagName): Promise<TagFinding | undefined>;
  /** Reads a manifest and all below it. Whether it could be read. */
  readBelow(repository: RepositoryName, digest: Digest): Promise<boolean>;
}

function createReader(registry: Registry, signal: AbortSignal): Reader {
  const builder = new GraphBuilder();
  const underWay = new Map<Digest, Promise<unknown>>();

  // One child after the other: an index has few, and the tags beside it fill the time.
  async function readChildren(repository: RepositoryName, manifest: Manifest, depth: number): Promise<void> {
    for (const child of manifestsIn(manifest)) await readChild(repository, child, depth);
  }

  async function readChild(repository: RepositoryName, digest: Digest, depth: number): Promise<void> {
    await underWay.get(digest);
    if (builder.isRead(digest) || depth > DEEPEST_NESTING) return;
    const reading = registry.manifest(repository, digest, signal).then((stored) => {
      if (stored !== undefined) builder.addManifest(digest, stored.sizeBytes, stored.manifest);
      return stored?.manifest;
    }, unlessUnavailable);
    underWay.set(digest, reading);
    const manifest = await reading.finally(() => underWay.delete(digest));
    if (manifest !== undefined) await readChildren(repository, manifest, depth + 1);
  }

  return {
    builder,
    async readTag(repository, name) {
      try {
        const stored = await registry.manifest(repository, name, signal);
        if (stored === undefined) return undefined;
        const isNew = !builder.isRead(stored.digest);
        const root = builder.addManifest(stored.digest, stored.sizeBytes, stored.manifest);
        if (isNew) await readChildren(repository, stored.manifest, 1);
        return { name, root };
      } catch (error) {
        return { name, root: undefined, gap: gapFrom(error, repository, name) };
      }
    },
    async readBelow(repository, digest) {
      await readChild(repository, digest, 0);
      return builder.isRead(digest);
    },
  };
}

function manifestsIn(manifest: Manifest): readonly Digest[] {
  if (manifest.kind !== 'index') return [];
  return manifest.manifests.filter((child) => isManifestType(child.mediaType)).map((child) => child.digest);
}

const GAP_CODES: Readonly<Record<string, GapCode>> = {
  forbidden: 'forbidden',
  unreadable: 'unreadable',
  unsupported: 'unsupported',
};

/** The gap that a failure leaves. Whatever is no failure of this one question ends the crawl. */
function gapFrom(error: unknown, repository: RepositoryName, reference?: TagName): Gap {
  const { kind, message } = error as Partial<RegistryFailure>;
  const code = GAP_CODES[kind ?? ''];
  if (code === undefined) throw error;
  return { repository, code, reason: message ?? code, ...(reference !== undefined && { reference }) };
}

/** A child that cannot be read is missing: its index says so, with the platforms that it has. */
function unlessUnavailable(error: unknown): undefined {
  if (GAP_CODES[(error as Partial<RegistryFailure>).kind ?? ''] === undefined) throw error;
}

import type { RepositoryName } from '../../domain/names.ts';
import { createSerialQueue } from '../../lib/serial-queue.ts';
import type { Clock, Registry } from '../../ports.ts';
import type { RepositoryReader } from '../repository-reader.ts';

export interface PullThroughOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** When the registry was last seen to be a pull-through cache by the crawls before; undefined if it never was. */
  readonly pulledThroughAt: number | undefined;
  /** Called once, as soon as the registry is known to be a pull-through cache. */
  readonly onPullThrough: () => void;
}

/** Finds out during a crawl whether the registry is a pull-through cache. */
export interface PullThroughWatch {
  /** Returns a reader that first finds out, so that the operator is warned before the crawl makes the cache store anything. */
  over(reader: RepositoryReader): RepositoryReader;
  /** Asks the registry about one of these repositories, unless a question was answered already. */
  settle(names: Iterable<RepositoryName>): Promise<void>;
  /** Returns when the registry was last seen to be a pull-through cache; undefined if it is not known to be one. */
  seenAt(): number | undefined;
}

/** How many repositories are asked about in one crawl: some may not be readable. */
const MOST_TRIES = 3;
/** How long a sign is believed. A cache shows itself only while it fetches something, or by its errors. */
const BELIEVED_MS = 30 * 86_400_000;

export function watchPullThrough(registry: Registry, options: PullThroughOptions): PullThroughWatch {
  const { clock, signal } = options;
  const inOrder = createSerialQueue();
  let isAnswered = false;
  let tries = 0;
  let seenAt: number | undefined;

  /** The registry client forgets its signs when repositories are listed again. */
  function note(): void {
    const before = seenAt;
    seenAt = pulledThroughAt(registry, seenAt ?? options.pulledThroughAt, clock());
    if (before === undefined && seenAt !== undefined) options.onPullThrough();
  }

  const probe = (name: RepositoryName): Promise<void> =>
    inOrder(async () => {
      if (isAnswered || tries >= MOST_TRIES) return;
      tries++;
      isAnswered = await registry.probePullThrough(name, signal);
      note();
    });

  return {
    over: (reader) => ({
      ...reader,
      async read(name, before) {
        await probe(name);
        const record = await reader.read(name, before);
        note();
        return record;
      },
    }),
    async settle(names) {
      for (const name of names) {
        if (isAnswered || tries >= MOST_TRIES) break;
        await probe(name);
      }
      note();
    },
    seenAt: () => seenAt,
  };
}

/**
 * Returns when a registry was last seen to be a pull-through cache; undefined if it is not known to be one.
 *
 * @param remembered the time that an earlier crawl or this one found out
 */
export function pulledThroughAt(
  registry: Pick<Registry, 'pullThrough'>,
  remembered: number | undefined,
  now: number,
): number | undefined {
  const state = registry.pullThrough();
  if (state === 'yes') return now;
  if (state === 'no' || remembered === undefined) return undefined;
  return now - remembered <= BELIEVED_MS ? remembered : undefined;
}

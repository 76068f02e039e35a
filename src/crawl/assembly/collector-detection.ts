import type { RepositoryName } from '../../domain/names.ts';
import type { RepositoryResult } from '../../domain/snapshot/crawl-result.ts';
import type { AssumedCollector, Engine } from '../../domain/usage/garbage-collector.ts';
import type { Registry } from '../../ports.ts';
import { unlessUnavailable } from '../gap-from-error.ts';

/** Finds out which garbage collector the registry has. */
export interface CollectorDetection {
  /** Returns the configured or last detected garbage collector, without a request. */
  known(): AssumedCollector;
  /** Uses the result of an earlier run of the service until the next detection. */
  restore(earlier: AssumedCollector | undefined): void;
  /** Asks the registry, unless the configuration names the garbage collector. Never fails because of the registry's answers. */
  detect(repositories: readonly RepositoryResult[], signal: AbortSignal): Promise<AssumedCollector>;
}

const NOT_ASKED: AssumedCollector = { engine: 'unknown', reason: 'no crawl has asked the registry yet' };

export function createCollectorDetection(registry: Registry, configured: Engine | 'auto'): CollectorDetection {
  const fixed: AssumedCollector | undefined =
    configured === 'auto' ? undefined : { engine: configured, reason: 'set by [registry] garbage_collector' };
  let detected: AssumedCollector | undefined;
  return {
    known: () => fixed ?? detected ?? NOT_ASKED,
    restore(earlier) {
      detected ??= earlier;
    },
    async detect(repositories, signal) {
      if (fixed !== undefined) return fixed;
      const found = await registry.garbageCollector(largest(repositories), signal).catch(unlessUnavailable);
      // A request that failed says nothing about the garbage collector: it is still the one of the last crawl.
      detected = found ??
        detected ?? { engine: 'unknown', reason: 'the registry did not answer the questions about it' };
      return detected;
    },
  };
}

/** Returns the repository with the most tags: with two or more, the registry can show whether it splits the list of tags into pages. */
function largest(repositories: readonly RepositoryResult[]): RepositoryName | undefined {
  let most: RepositoryResult | undefined;
  for (const one of repositories) if (one.tags.length > Math.max(1, most?.tags.length ?? 0)) most = one;
  return most?.name;
}

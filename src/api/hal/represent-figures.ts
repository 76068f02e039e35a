import type { z } from 'zod';
import type { Figures } from '../../domain/snapshot/snapshot.ts';
import { sharedBytes } from '../../domain/usage/figures.ts';
import type { figures as shape } from '../schemas/schema-parts.ts';

/** The figures that every node of the tree has, by the names of the API. */
export function representFigures(figures: Figures): Readonly<z.output<z.ZodObject<typeof shape>>> {
  const { sizeBytes, diskSizeBytes, deduplicatedBytes, reclaimableBytes, metadataBytes, tagsCount, isComplete } =
    figures;
  return {
    size: sizeBytes,
    disk_size: diskSizeBytes,
    deduplicated_bytes: deduplicatedBytes,
    reclaimable_bytes: reclaimableBytes,
    shared_bytes: sharedBytes(figures),
    metadata_bytes: metadataBytes,
    tags_count: tagsCount,
    complete: isComplete,
  };
}

/** A time in milliseconds since the epoch as RFC 3339 has it. */
export function representTime(at: number): string {
  return new Date(at).toISOString();
}

/** The same, where there may be none. */
export function representTimeOrNull(at: number | null | undefined): string | null {
  return at == null ? null : representTime(at);
}

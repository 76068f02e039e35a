import type { z } from 'zod';
import type { Figures } from '../../domain/snapshot/snapshot.ts';
import { sharedBytes } from '../../domain/usage/figures.ts';
import { formatRfc3339 } from '../../lib/rfc3339.ts';
import type { figures as shape } from '../schemas/schema-parts.ts';

/** Returns the figures of a node of the tree, by their names in the API. */
export function representFigures(figures: Figures): Readonly<z.output<z.ZodObject<typeof shape>>> {
  const {
    sizeBytes,
    diskSizeBytes,
    deduplicatedBytes,
    reclaimableBytes,
    metadataBytes,
    databaseBytes,
    tagsCount,
    isComplete,
  } = figures;
  return {
    size: sizeBytes,
    disk_size: diskSizeBytes,
    deduplicated_bytes: deduplicatedBytes,
    reclaimable_bytes: reclaimableBytes,
    shared_bytes: sharedBytes(figures),
    metadata_bytes: metadataBytes,
    database_bytes: databaseBytes,
    tags_count: tagsCount,
    complete: isComplete,
  };
}

/** Returns a time in milliseconds since the epoch as RFC 3339. */
export function representTime(at: number): string {
  return formatRfc3339(at);
}

/** Returns a time as RFC 3339, or null if there is none. */
export function representTimeOrNull(at: number | null | undefined): string | null {
  return at == null ? null : representTime(at);
}

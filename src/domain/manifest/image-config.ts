import { parseRfc3339 } from '../../lib/rfc3339.ts';
import { readPlatform } from './manifest.ts';

/** What an image's config says of it (OCI image-spec, config.md). */
export interface ImageConfig {
  /** Milliseconds since the epoch; undefined where it names no time, or one that only stands for none. */
  readonly createdAt: number | undefined;
  /** `os/architecture[/variant]`. */
  readonly platform: string | undefined;
}

/** Reproducible builds write the year 1 or the epoch itself: that is no time of creation. */
const EARLIEST_CREATED_AT = Date.UTC(1971, 0);
/** RFC 3339 has four digits for a year, also after the time zone is taken off. */
const LATEST_CREATED_AT = Date.UTC(9999, 11, 31);

/** Reads a config's body; whatever it is, nothing is thrown. */
export function readImageConfig(body: unknown): ImageConfig {
  const created = typeof body === 'object' && body !== null && 'created' in body ? body.created : undefined;
  const createdAt = typeof created === 'string' ? (parseRfc3339(created) ?? Number.NaN) : Number.NaN;
  const isTime = createdAt >= EARLIEST_CREATED_AT && createdAt <= LATEST_CREATED_AT;
  return { createdAt: isTime ? createdAt : undefined, platform: readPlatform(body) };
}

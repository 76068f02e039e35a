import { parseRfc3339 } from '../../lib/rfc3339.ts';
import { readPlatform } from './manifest.ts';

/** What the config of an image states (OCI image-spec, config.md). */
export interface ImageConfig {
  /** Milliseconds since the epoch; undefined if the config has no creation time, or a placeholder. */
  readonly createdAt: number | undefined;
  /** `os/architecture[/variant]`. */
  readonly platform: string | undefined;
}

/** Reproducible builds write the year 1 or the epoch itself: these are placeholders. */
const EARLIEST_CREATED_AT = Date.UTC(1971, 0);
/** RFC 3339 has four digits for the year, and the time zone may move a later time into the year 10000. */
const LATEST_CREATED_AT = Date.UTC(9999, 11, 31);

/** Reads the body of a config. Never throws: what it does not recognise is undefined. */
export function readImageConfig(body: unknown): ImageConfig {
  const created = typeof body === 'object' && body !== null && 'created' in body ? body.created : undefined;
  const createdAt = typeof created === 'string' ? (parseRfc3339(created) ?? Number.NaN) : Number.NaN;
  const isTime = createdAt >= EARLIEST_CREATED_AT && createdAt <= LATEST_CREATED_AT;
  return { createdAt: isTime ? createdAt : undefined, platform: readPlatform(body) };
}

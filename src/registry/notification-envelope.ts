import { PRODUCT } from '../api/hal/entry-point.ts';
import { isManifestType } from '../domain/manifest/media-types.ts';
import { parseDigest, parseRepositoryName, parseTagName, type RepositoryName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import { parseRfc3339 } from '../lib/rfc3339.ts';
import type { Pull } from '../ports.ts';

/* What a registry sends to those whom it notifies (Distribution, "Notifications"):
 *
 *   {"events": [{id, timestamp, action, target: {repository, tag?, digest?, mediaType?, rename?: {from, to}, …}, request: {useragent, …}, …}]}
 *
 * Events of one envelope need not belong together, and fields come and go with the registry's version: what is not understood is passed over. */

/** What events tell that somebody wants to hear. */
export interface News {
  readonly changed: ReadonlySet<RepositoryName>;
  readonly pulls: readonly Pull[];
}

/** The events of an envelope, not looked at yet; or what is wrong with it. */
export function readEnvelope(body: string): readonly unknown[] | { readonly wrong: string } {
  const envelope = parseJson(body);
  if (envelope === undefined) return { wrong: 'The body is no JSON' };
  const events = field(envelope, 'events');
  return Array.isArray(events) ? events : { wrong: NO_ENVELOPE };
}

const NO_ENVELOPE = 'The body is no envelope of events: an object with a list called "events" is expected';

/**
 * What events tell. One that names nothing legal tells nothing.
 *
 * @param isNew whether an event of that id has not been told before
 * @param now milliseconds since the epoch
 */
export function readEvents(events: readonly unknown[], isNew: (id: string) => boolean, now: number): News {
  const changed = new Set<RepositoryName>();
  const pulls: Pull[] = [];
  for (const event of events) {
    if (!isNew(text(event, 'id'))) continue;
    for (const name of namesChangedBy(text(event, 'action'), field(event, 'target'))) {
      const repository = parseRepositoryName(name);
      if (repository !== undefined) changed.add(repository);
    }
    if (text(event, 'action') === 'pull') pulls.push(...pullsIn(event, now));
  }
  return { changed, pulls };
}

function namesChangedBy(action: string, target: unknown): readonly string[] {
  const repository = text(target, 'repository');
  switch (action) {
    case 'push':
      // A blob changes no figures by itself: the manifest that names it is pushed after it.
      return concernsManifest(target) ? [repository] : [];
    case 'mount':
    case 'delete': // nothing tells whether a manifest or a blob is gone
      return [repository];
    case 'rename': {
      const rename = field(target, 'rename');
      return [repository, text(rename, 'from'), text(rename, 'to')];
    }
    default:
      return [];
  }
}

/** A pull by tag is one of the tag and of what it points at. Our own reading is no use of anything. */
function pullsIn(event: unknown, now: number): readonly Pull[] {
  const target = field(event, 'target');
  const repository = parseRepositoryName(text(target, 'repository'));
  if (repository === undefined || !concernsManifest(target)) return [];
  if (text(field(event, 'request'), 'useragent').startsWith(`${PRODUCT}/`)) return [];
  const at = timeOf(text(event, 'timestamp'), now);
  return [parseTagName(text(target, 'tag')), parseDigest(text(target, 'digest'))].flatMap((reference) =>
    reference === undefined ? [] : [{ repository, reference, at }],
  );
}

/** Whether it is about a manifest, and not about some other blob: those have another media type, and never a tag. */
function concernsManifest(target: unknown): boolean {
  const mediaType = text(target, 'mediaType');
  return mediaType === '' || isManifestType(mediaType) || text(target, 'tag') !== '';
}

/** What cannot be (the registry's clock may be wrong, and Go's time of nothing is in the year 1) is now. */
function timeOf(timestamp: string, now: number): number {
  const at = parseRfc3339(timestamp);
  return at !== undefined && at > 0 && at <= now ? at : now;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found : '';
}

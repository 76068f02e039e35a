import { isManifestType } from '../domain/manifest/media-types.ts';
import { parseDigest, parseRepositoryName, parseTagName, type RepositoryName } from '../domain/names.ts';
import { parseJson } from '../lib/parse-json.ts';
import { parseRfc3339 } from '../lib/rfc3339.ts';
import type { Clock, NotificationReader, Pull, RegistryNews } from '../ports.ts';

/* What a registry sends to its notification endpoints (Distribution, "Notifications"):
 *
 *   {"events": [{id, timestamp, action, target: {repository, tag?, digest?, mediaType?, rename?: {from, to}, …}, request: {useragent, …}, …}]}
 *
 * Events of one envelope may concern different repositories. Fields differ between versions of the registry, so unknown events are ignored. */

export interface NotificationReaderOptions {
  /** The product name in the service's own User-Agent: its own pulls are not counted. */
  readonly product: string;
  readonly clock: Clock;
}

export function createNotificationReader({ product, clock }: NotificationReaderOptions): NotificationReader {
  const isNew = createEventIds();
  return {
    read(body) {
      const events = eventsIn(body);
      return 'wrong' in events
        ? events
        : newsIn(
            events.filter((event) => isNew(text(event, 'id'))),
            product,
            clock(),
          );
    },
  };
}

function eventsIn(body: string): readonly unknown[] | { readonly wrong: string } {
  const envelope = parseJson(body);
  if (envelope === undefined) return { wrong: 'The body must be JSON' };
  const events = field(envelope, 'events');
  return Array.isArray(events) ? events : { wrong: NOT_AN_ENVELOPE };
}

const NOT_AN_ENVELOPE = 'The body must be a JSON object with a list "events"';

/** Returns what the events tell. An event without a valid name tells nothing. */
function newsIn(events: readonly unknown[], product: string, now: number): RegistryNews {
  const changed = new Set<RepositoryName>();
  const pulls: Pull[] = [];
  for (const event of events) {
    for (const name of namesChangedBy(text(event, 'action'), field(event, 'target'))) {
      const repository = parseRepositoryName(name);
      if (repository !== undefined) changed.add(repository);
    }
    if (text(event, 'action') === 'pull') pulls.push(...pullsIn(event, product, now));
  }
  return { changed, pulls };
}

function namesChangedBy(action: string, target: unknown): readonly string[] {
  const repository = text(target, 'repository');
  switch (action) {
    case 'push':
      // A pushed blob changes no figures: the manifest that names it is pushed after it.
      return concernsManifest(target) ? [repository] : [];
    case 'mount':
    case 'delete': // the event does not tell whether a manifest or a blob was deleted
      return [repository];
    case 'rename': {
      const rename = field(target, 'rename');
      return [repository, text(rename, 'from'), text(rename, 'to')];
    }
    default:
      return [];
  }
}

/** A pull by tag is a pull of the tag and of the digest that it points at. The service's own pulls do not count as use. */
function pullsIn(event: unknown, product: string, now: number): readonly Pull[] {
  const target = field(event, 'target');
  const repository = parseRepositoryName(text(target, 'repository'));
  if (repository === undefined || !concernsManifest(target)) return [];
  if (text(field(event, 'request'), 'useragent').startsWith(`${product}/`)) return [];
  const at = timeOf(text(event, 'timestamp'), now);
  return [parseTagName(text(target, 'tag')), parseDigest(text(target, 'digest'))].flatMap((reference) =>
    reference === undefined ? [] : [{ repository, reference, at }],
  );
}

/** Whether the event concerns a manifest. Other blobs have other media types, and never a tag. */
function concernsManifest(target: unknown): boolean {
  const mediaType = text(target, 'mediaType');
  return mediaType === '' || isManifestType(mediaType) || text(target, 'tag') !== '';
}

/** Returns now for an impossible time: the registry's clock may be wrong, and Go's zero time is in the year 1. */
function timeOf(timestamp: string, now: number): number {
  const at = parseRfc3339(timestamp);
  return at !== undefined && at > 0 && at <= now ? at : now;
}

const REMEMBERED = 10_000;
/** Registries make ids of 36 characters. A longer id is not remembered: to process an event twice does no harm. */
const MAX_ID_LENGTH = 128;

/**
 * Returns a function that tells whether an id is new, as far as the last 10,000 ids or more are remembered. A registry sends its events again if it
 * has not received the response.
 */
function createEventIds(): (id: string) => boolean {
  let recent = new Set<string>();
  let older = new Set<string>();
  return (id) => {
    if (id === '' || id.length > MAX_ID_LENGTH) return true;
    if (recent.has(id) || older.has(id)) return false;
    if (recent.size >= REMEMBERED) [recent, older] = [new Set(), recent];
    recent.add(id);
    return true;
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === 'string' ? found : '';
}

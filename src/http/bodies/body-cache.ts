import { createHash, hash, randomUUID } from 'node:crypto';
import { createByteLru } from '../../lib/byte-lru.ts';
import { type Resumable, unlessKnown } from '../../lib/resumable.ts';
import type { BoundedWork } from '../work/bounded-work.ts';
import { type Body, createSmallBody } from './body.ts';
import { jsonInSteps, nextPart, PART_LENGTH } from './json-stream.ts';
import { createLargeBody } from './large-body.ts';

/** The bodies for one visibility. */
export interface Bodies {
  /** Returns the body of that key if it is cached. */
  cached(key: string): Body | undefined;
  /** Returns the body of that key, and builds it if it is not cached. */
  build(key: string, represent: () => object): Resumable<Body>;
}

/** The bodies of one snapshot. Each is built once for each visibility, and cached as long as there is space. */
export interface BodyCache {
  /** The bodies for principals with that visibility. No body or ETag is shared between two visibilities. */
  visibleTo(visibility: string): Bodies;
}

/** The cache of one snapshot never exceeds this. The tree of 100,000 tags takes 50 MB, with links 100 MB. */
const CAPACITY_BYTES = 256 * 1024 * 1024;

export function createBodyCache(work: BoundedWork, capacityBytes = CAPACITY_BYTES): BodyCache {
  const cached = createByteLru<Body>(capacityBytes);
  const snapshot = randomUUID();

  function* build(visibility: string, key: string, represent: () => object): Resumable<Body> {
    const noteBytes = (bytes: number): boolean => cached.grow(key, body, bytes);
    const first = (yield* nextPart(jsonInSteps(represent()))) ?? Buffer.alloc(0);
    const isLarge = first.length >= PART_LENGTH;
    const body: Body = isLarge
      ? // The representation of a key never changes, so the key names its bytes before they exist.
        createLargeBody({ etag: hash('sha256', `${snapshot} ${key}`, 'base64url'), represent, work, noteBytes })
      : createSmallBody(first, { etag: hashOf(visibility, first), noteBytes });
    cached.set(key, body, isLarge ? 0 : first.length);
    return body;
  }

  return {
    visibleTo: (visibility) => ({
      cached: (name) => cached.get(`${visibility} ${name}`),
      build(name, represent) {
        const key = `${visibility} ${name}`;
        return unlessKnown(
          () => cached.get(key),
          () => build(visibility, key, represent),
        );
      },
    }),
  };
}

/** With the visibility, an ETag never tells a principal that another one, who sees other data, has the same bytes. */
function hashOf(visibility: string, bytes: Buffer): string {
  return createHash('sha256').update(`${visibility}\n`).update(bytes).digest('base64url');
}

import type { Readable } from 'node:stream';

/** Hears of an answer that is about to be read, and of what it is read: a snapshot stays in memory for as long. */
export type NoteStream = (source: object, stream: Readable) => void;

/** Each of a large registry takes some hundred megabytes. */
const MOST_SOURCES = 6;

/**
 * Who reads slowly holds a snapshot, and where there is a new one every few seconds, somebody could hold many. The answers of the one that was
 * begun with longest ago are cut off, where there are more than a few.
 */
export function createStreamLimit(mostSources = MOST_SOURCES): NoteStream {
  const open = new Map<object, Set<Readable>>();

  function endOldest(): void {
    const [oldest] = open;
    if (oldest === undefined || open.size <= mostSources) return;
    const [source, streams] = oldest;
    open.delete(source);
    for (const stream of streams) stream.destroy(new Error('the answer was read too slowly'));
  }

  return (source, stream) => {
    const own = open.get(source) ?? new Set();
    open.set(source, own.add(stream));
    stream.once('close', () => {
      own.delete(stream);
      if (own.size === 0 && open.get(source) === own) open.delete(source);
    });
    endOldest();
  };
}

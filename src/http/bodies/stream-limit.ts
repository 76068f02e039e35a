import type { Readable } from 'node:stream';

/** Called with each response that is about to be streamed, and with the snapshot that it is generated from, which stays in memory as long. */
export type NoteStream = (snapshot: object, stream: Readable) => void;

/** A snapshot of a large registry takes some hundred megabytes. */
const MAX_SNAPSHOTS = 6;

/**
 * Limits how many snapshots slow clients keep in memory: there may be a new snapshot every few seconds. If the responses in progress come from more
 * than `maxSnapshots` snapshots, those of the snapshot that was streamed first are cut off.
 */
export function createStreamLimit(maxSnapshots = MAX_SNAPSHOTS): NoteStream {
  const streamsOf = new Map<object, Set<Readable>>();

  function endOldest(): void {
    const [oldest] = streamsOf;
    if (oldest === undefined || streamsOf.size <= maxSnapshots) return;
    const [snapshot, streams] = oldest;
    streamsOf.delete(snapshot);
    for (const stream of streams) stream.destroy(new Error('the client reads the response too slowly'));
  }

  return (snapshot, stream) => {
    const streams = streamsOf.get(snapshot) ?? new Set();
    streamsOf.set(snapshot, streams.add(stream));
    stream.once('close', () => {
      streams.delete(stream);
      if (streams.size === 0 && streamsOf.get(snapshot) === streams) streamsOf.delete(snapshot);
    });
    endOldest();
  };
}

import type { ServerResponse } from 'node:http';

/** Twice as long at most: it is noticed the second time that somebody looks. */
const LONGEST_STALL_MS = 15_000;

/**
 * Ends the connection of a client that has stopped to read its answer: what it was to get would be held for it for ever. One that reads slowly keeps
 * its connection.
 */
export function endWhereStalled(response: ServerResponse, stallMs = LONGEST_STALL_MS): void {
  // Node looks whether the bytes that wait have become fewer since it looked last.
  response.setTimeout(stallMs, () => response.destroy());
}

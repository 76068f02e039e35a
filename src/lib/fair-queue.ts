/* Lets a few through at once, keeps some more waiting, and turns the rest away:
 *
 *   waiting   a: ● ● ● ●     the longest row gives up its last place for an address that has fewer
 *             b: ●           rows take turns, and so nobody waits behind all of another address
 */

export interface FairQueue {
  /** Resolves when it is one's turn: then `leave` has to be called. False: there are too many. */
  enter(address: string): Promise<boolean>;
  leave(address: string): void;
}

export interface FairQueueOptions {
  readonly atOnce: number;
  readonly waiting: number;
}

type Turn = (isIn: boolean) => void;

/** However many come from one address, half of the places are for the others; and as long as fewer addresses wait than may, one of each. */
export function createFairQueue({ atOnce, waiting }: FairQueueOptions): FairQueue {
  const mostPerAddress = Math.ceil((atOnce + waiting) / 2);
  const rows = createRows();
  const presentByAddress = new Map<string, number>();
  let inside = 0;

  function depart(address: string): void {
    const present = (presentByAddress.get(address) ?? 1) - 1;
    if (present === 0) presentByAddress.delete(address);
    else presentByAddress.set(address, present);
  }

  function makesRoom(address: string): boolean {
    const longest = rows.longest(rows.length(address) + 1);
    if (longest === undefined) return false;
    depart(longest);
    rows.turnAwayLast(longest);
    return true;
  }

  return {
    async enter(address) {
      const present = presentByAddress.get(address) ?? 0;
      if (present >= mostPerAddress || (rows.count() >= waiting && !makesRoom(address))) return false;
      presentByAddress.set(address, present + 1);
      if (inside >= atOnce) return new Promise<boolean>((resolve) => rows.add(address, resolve));
      inside++;
      return true;
    },
    leave(address) {
      depart(address);
      if (rows.count() === 0) inside--;
      else rows.letNextIn();
    },
  };
}

/** Who waits, by address: the row whose turn is next comes first. */
function createRows() {
  const rows = new Map<string, Turn[]>();
  let count = 0;

  function take(address: string, end: 'shift' | 'pop'): Turn | undefined {
    const row = rows.get(address) ?? [];
    const turn = row[end]();
    if (row.length === 0) rows.delete(address);
    count--;
    return turn;
  }

  return {
    count: () => count,
    length: (address: string) => rows.get(address)?.length ?? 0,
    add(address: string, turn: Turn): void {
      const row = rows.get(address);
      if (row === undefined) rows.set(address, [turn]);
      else row.push(turn);
      count++;
    },
    /** The longest row of those that are longer than that. */
    longest(than: number): string | undefined {
      let found: string | undefined;
      let most = than;
      for (const [address, { length }] of rows) if (length > most) [found, most] = [address, length];
      return found;
    },
    turnAwayLast: (address: string) => take(address, 'pop')?.(false),
    letNextIn(): void {
      const [next = ''] = rows.keys();
      const turn = take(next, 'shift');
      const row = rows.get(next);
      rows.delete(next); // and to the end: the others have their turn first
      if (row !== undefined) rows.set(next, row);
      turn?.(true);
    },
  };
}

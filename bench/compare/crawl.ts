import { makeDirectory, removeDirectory } from '../../lab/temporary.ts';
import { type Checkout, nextSnapshot, type Source, startCheckout } from './checkout.ts';
import { type Compared, inRounds, type Sides } from './rounds.ts';

export interface CrawlOptions {
  readonly source: Source;
  readonly tags: number;
  readonly rounds: number;
}

/** Compares first crawls, and crawls of the same registry after a restart, in tags per second from the start of a crawl until the API shows it. */
export async function compareCrawls(
  checkouts: Sides<Checkout>,
  { source, tags, rounds }: CrawlOptions,
): Promise<Readonly<Record<string, Compared>>> {
  process.stderr.write('bench: compare: crawls ...\n');
  const measure = (side: keyof Sides<Checkout>) => crawlTwice(checkouts[side], source, tags);
  await inRounds(1, 'tags/s', measure); // fills the caches of Node and of the disk
  return inRounds(rounds, 'tags/s', measure);
}

interface Rates {
  readonly firstCrawl: number;
  readonly incrementalCrawl: number;
}

async function crawlTwice(checkout: Checkout, source: Source, tags: number): Promise<Rates> {
  const stateDirectory = makeDirectory('state');
  const crawlOnce = async (former?: string): Promise<{ readonly snapshot: string; readonly rate: number }> => {
    const service = await startCheckout(checkout, source, stateDirectory);
    const { snapshot, started_at } = await nextSnapshot(service, tags, former);
    const seconds = (Date.now() - Date.parse(started_at)) / 1000;
    await service.stop();
    return { snapshot, rate: Math.round(tags / seconds) };
  };
  const first = await crawlOnce();
  const second = await crawlOnce(first.snapshot);
  await removeDirectory(stateDirectory);
  return { firstCrawl: first.rate, incrementalCrawl: second.rate };
}

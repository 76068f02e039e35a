import type { CrawlProgress } from '../ports.ts';

export function noProgress(): CrawlProgress {
  return { repositoriesFound: 0, repositoriesRead: 0, repositoriesKept: 0, tagsFound: 0, tagsRead: 0 };
}

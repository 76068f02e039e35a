import { deserialize, serialize } from 'node:v8';
import { type PackedGraph, packGraph, unpackGraph } from '../../domain/graph/graph.ts';
import type { CrawlResult, RepositoryResult, TagResult } from '../../domain/snapshot/crawl-result.ts';
import { assertNever } from '../../lib/assert-never.ts';

/* A crawl result in pieces, so that the result of a large registry is written and read in steps: first the fields, then each column of the graph,
 * then the repositories, up to a number of tags per piece. A piece of tags continues the last repository before it. */
type Piece =
  | readonly ['fields', Fields]
  | readonly ['column', string, unknown]
  | readonly ['repositories', readonly RepositoryResult[]]
  | readonly ['tags', readonly TagResult[]];

type Fields = Omit<CrawlResult, 'graph' | 'repositories'>;

/** To be raised whenever the pieces, or the types inside, change. Pieces with another number are not read. */
export const CRAWL_RESULT_FORMAT = 2;

const TAGS_PER_PIECE = 1000;

export function* encodeCrawlResult(crawlResult: CrawlResult): Generator<Uint8Array> {
  for (const piece of piecesOf(crawlResult)) yield serialize(piece);
}

function* piecesOf({ graph, repositories, ...fields }: CrawlResult): Generator<Piece> {
  yield ['fields', fields];
  for (const [name, column] of Object.entries(packGraph(graph))) yield ['column', name, column];
  let batch: RepositoryResult[] = [];
  let tagsCount = 0;
  for (const repository of repositories) {
    const [first = [], ...more] = [...batches(repository.tags)];
    batch.push({ ...repository, tags: first });
    tagsCount += 1 + first.length;
    if (tagsCount < TAGS_PER_PIECE && more.length === 0) continue;
    yield ['repositories', batch];
    for (const tags of more) yield ['tags', tags];
    [batch, tagsCount] = [[], 0];
  }
  yield ['repositories', batch];
}

/** Puts the pieces together again. They must be added in order. */
export class CrawlResultDecoder {
  #fields: Fields | undefined;
  readonly #columns = new Map<string, unknown>();
  readonly #repositories: (RepositoryResult & { readonly tags: TagResult[] })[] = [];

  /** Throws if a later version of Node wrote the bytes. */
  add(bytes: Uint8Array): void {
    const piece = deserialize(bytes) as Piece;
    switch (piece[0]) {
      case 'fields':
        this.#fields = piece[1];
        break;
      case 'column':
        this.#columns.set(piece[1], piece[2]);
        break;
      case 'repositories':
        this.#repositories.push(...piece[1].map((repository) => ({ ...repository, tags: [...repository.tags] })));
        break;
      case 'tags':
        this.#repositories.at(-1)?.tags.push(...piece[1]);
        break;
      default:
        assertNever(piece);
    }
  }

  /** Returns the crawl result, or undefined if the first piece was not added. */
  result(): CrawlResult | undefined {
    if (this.#fields === undefined) return undefined;
    // The format number guarantees that these are the columns of today's graph.
    const graph = unpackGraph(Object.fromEntries(this.#columns) as unknown as PackedGraph);
    return { ...this.#fields, graph, repositories: this.#repositories };
  }
}

function* batches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < TAGS_PER_PIECE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

import { deserialize, serialize } from 'node:v8';
import { type PackedGraph, packGraph, unpackGraph } from '../../domain/graph/graph.ts';
import type { CrawlResult, RepositoryResult, TagResult } from '../../domain/snapshot/crawl-result.ts';
import { assertNever } from '../../lib/assert-never.ts';

/* Crawl results in pieces, so that those of a large registry are written and read bit by bit: the fields, every column of the graph by itself, and
 * then the repositories, so many tags a piece. A piece of tags goes on with those of the last repository before it. */
type Piece =
  | readonly ['fields', FindingsFields]
  | readonly ['column', string, unknown]
  | readonly ['repositories', readonly RepositoryResult[]]
  | readonly ['tags', readonly TagResult[]];

type FindingsFields = Omit<CrawlResult, 'graph' | 'repositories'>;

/** Raised whenever the pieces, or the columns of a graph, change: what has another number is not read. */
export const CRAWL_RESULT_FORMAT = 1;

const TAGS_A_PIECE = 1000;

export function* encodeCrawlResult(findings: CrawlResult): Generator<Uint8Array> {
  for (const piece of piecesOf(findings)) yield serialize(piece);
}

function* piecesOf({ graph, repositories, ...fields }: CrawlResult): Generator<Piece> {
  yield ['fields', fields];
  for (const [name, column] of Object.entries(packGraph(graph))) yield ['column', name, column];
  let whole: RepositoryResult[] = [];
  let tagsCount = 0;
  for (const repository of repositories) {
    const [first = [], ...more] = [...batches(repository.tags)];
    whole.push({ ...repository, tags: first });
    tagsCount += 1 + first.length;
    if (tagsCount < TAGS_A_PIECE && more.length === 0) continue;
    yield ['repositories', whole];
    for (const some of more) yield ['tags', some];
    [whole, tagsCount] = [[], 0];
  }
  yield ['repositories', whole];
}

/** Takes the pieces in their order. */
export class CrawlResultDecoder {
  #fields: FindingsFields | undefined;
  readonly #columns = new Map<string, unknown>();
  readonly #repositories: (RepositoryResult & { readonly tags: TagResult[] })[] = [];

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

  /** Undefined where there is too little. */
  findings(): CrawlResult | undefined {
    if (this.#fields === undefined) return undefined;
    // The columns are those that the same format had when it was written.
    const graph = unpackGraph(Object.fromEntries(this.#columns) as unknown as PackedGraph);
    return { ...this.#fields, graph, repositories: this.#repositories };
  }
}

function* batches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < TAGS_A_PIECE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

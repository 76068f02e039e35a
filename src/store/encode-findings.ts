import { deserialize, serialize } from 'node:v8';
import type { Findings, RepositoryFinding, TagFinding } from '../domain/findings.ts';
import { type BlobGraph, type PackedGraph, packGraph, unpackGraph } from '../domain/graph.ts';

/* Findings in pieces, so that those of a large registry are written and read bit by bit: what there is once, the graph, and then the
 * repositories' tags, so many a piece. A piece that is not the first of a repository goes on with its tags. */
type Piece =
  | readonly ['findings', FindingsFields]
  | readonly ['graph', PackedGraph]
  | readonly ['repositories', readonly RepositoryFinding[]]
  | readonly ['tags', readonly TagFinding[]];

type FindingsFields = Omit<Findings, 'graph' | 'repositories'>;

/** Raised whenever the pieces, or what they hold, change: what has another number is not read. */
export const FINDINGS_FORMAT = 1;

const ITEMS_A_PIECE = 5000;

export function* encodeFindings({ graph, repositories, ...fields }: Findings): Generator<Uint8Array> {
  for (const piece of piecesOf(fields, graph, repositories)) yield serialize(piece);
}

function* piecesOf(
  fields: FindingsFields,
  graph: BlobGraph,
  repositories: readonly RepositoryFinding[],
): Generator<Piece> {
  yield ['findings', fields];
  yield ['graph', packGraph(graph)];
  let whole: RepositoryFinding[] = [];
  let tagsCount = 0;
  for (const repository of repositories) {
    const [first = [], ...more] = [...batches(repository.tags)];
    whole.push({ ...repository, tags: first });
    tagsCount += 1 + first.length;
    if (tagsCount < ITEMS_A_PIECE && more.length === 0) continue;
    yield ['repositories', whole];
    for (const some of more) yield ['tags', some];
    [whole, tagsCount] = [[], 0];
  }
  yield ['repositories', whole];
}

/** Takes the pieces in their order. */
export class FindingsDecoder {
  #fields: FindingsFields | undefined;
  #graph: BlobGraph | undefined;
  readonly #repositories: (RepositoryFinding & { tags: TagFinding[] })[] = [];

  add(bytes: Uint8Array): void {
    const piece = deserialize(bytes) as Piece;
    switch (piece[0]) {
      case 'findings':
        this.#fields = piece[1];
        break;
      case 'graph':
        this.#graph = unpackGraph(piece[1]);
        break;
      case 'repositories':
        this.#repositories.push(...piece[1].map((repository) => ({ ...repository, tags: [...repository.tags] })));
        break;
      case 'tags':
        this.#repositories.at(-1)?.tags.push(...piece[1]);
    }
  }

  /** Undefined where there is too little. */
  findings(): Findings | undefined {
    if (this.#fields === undefined || this.#graph === undefined) return undefined;
    return { ...this.#fields, graph: this.#graph, repositories: this.#repositories };
  }
}

function* batches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < ITEMS_A_PIECE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Numbers of requests to a registry, from its access log. */
export interface Accesses {
  readonly manifestGets: number;
  /** How many of them were by digest. */
  readonly manifestGetsByDigest: number;
  readonly manifestHeads: number;
  readonly manifestHeadsAnswered304: number;
  /** How many tags got a HEAD request, and how many of these the most requested tag got. */
  readonly tagsHeaded: number;
  readonly mostHeadsOfATag: number;
  readonly blobGets: number;
  readonly tagLists: number;
  readonly all: number;
}

/** A line of Distribution's access log, which has Apache's combined format. */
const LINE = /"(GET|HEAD) (\/v2\/\S*) HTTP\/1\.1" (\d{3}) /g;

export function countAccesses(log: string): Accesses {
  const heads = new Map<string, number>();
  const counts = { manifestGets: 0, byDigest: 0, manifestHeads: 0, unchanged: 0, blobGets: 0, tagLists: 0, all: 0 };
  for (const [, method, path = '', status] of log.matchAll(LINE)) {
    counts.all++;
    if (path.includes('/tags/list')) counts.tagLists++;
    if (path.includes('/blobs/')) counts.blobGets++;
    if (!path.includes('/manifests/')) continue;
    if (method === 'GET') {
      counts.manifestGets++;
      if (path.includes('/manifests/sha256:')) counts.byDigest++;
    } else {
      counts.manifestHeads++;
      if (status === '304') counts.unchanged++;
      heads.set(path, (heads.get(path) ?? 0) + 1);
    }
  }
  const { byDigest, unchanged, ...others } = counts;
  return {
    ...others,
    manifestGetsByDigest: byDigest,
    manifestHeadsAnswered304: unchanged,
    tagsHeaded: heads.size,
    mostHeadsOfATag: Math.max(0, ...heads.values()),
  };
}

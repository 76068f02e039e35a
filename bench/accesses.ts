/** What a registry was asked, by its access log. */
export interface Accesses {
  readonly manifestGets: number;
  /** Of those, the ones by digest. */
  readonly manifestGetsByDigest: number;
  readonly manifestHeads: number;
  readonly manifestHeadsAnswered304: number;
  /** The tags that were asked for by HEAD, and how often the one that was asked for most. */
  readonly tagsHeaded: number;
  readonly mostHeadsOfATag: number;
  readonly blobGets: number;
  readonly tagLists: number;
  readonly all: number;
}

/** Distribution writes its access log in Apache's combined format. */
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

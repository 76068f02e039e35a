/* The schema, as a list of migrations. Never edit a released one, not even its comments: existing databases have applied it. Append a new one.
 *
 * Tables are STRICT. Bytes and times are REAL: exact up to 2^53, as in JavaScript, and never out of range. Digests are ANY (encode-digest.ts).
 * Columns that may contain any text, such as a reason, are JSON: some versions of Node cut an SQLite text at U+0000 and lose lone surrogates.
 *
 * Names in the SQL that have changed since: `reading` is the content of a repository (encode-repository.ts), `findings` contains crawl results
 * (encode-crawl-result.ts), and the occasion `collection` is a crawl.
 *
 * The figures of a node have a row only where they differ from the snapshot before, so that an unchanged registry adds no rows. The figures at a
 * snapshot are in the latest row at or before it:
 *
 *   snapshot    1    2    3    4    5
 *   group/app   A              B    gone      at 3: A, at 4: B; the node does not exist at 5, and before its first row */
export const MIGRATIONS: readonly string[] = [
  `
  -- What a digest names. body_sha256 is set where the digest is not that of the body, as with signed schema 1.
  CREATE TABLE manifest (
    digest ANY PRIMARY KEY NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes REAL NOT NULL,
    body BLOB NOT NULL,
    body_sha256 TEXT,
    unused_since REAL
  ) STRICT;
  CREATE TABLE image_config (
    digest ANY PRIMARY KEY NOT NULL,
    config TEXT NOT NULL,
    unused_since REAL
  ) STRICT;
  -- bytes is NULL where the registry does not store the blob.
  CREATE TABLE blob (
    digest ANY PRIMARY KEY NOT NULL,
    bytes REAL,
    unused_since REAL
  ) STRICT;

  -- reading is JSON, one value a line (encode-reading.ts).
  CREATE TABLE repository (
    name TEXT PRIMARY KEY NOT NULL,
    read_at REAL,
    reading BLOB,
    failure TEXT
  ) STRICT;
  -- What the crawl has read that is not finished.
  CREATE TABLE pending_repository (
    name TEXT PRIMARY KEY NOT NULL,
    read_at REAL,
    reading BLOB,
    failure TEXT
  ) STRICT;
  CREATE TABLE pull (
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (repository, reference)
  ) STRICT, WITHOUT ROWID;
  -- One row: which registry all of this is of.
  CREATE TABLE registry (
    url TEXT NOT NULL
  ) STRICT;
  -- One row while a crawl is not finished.
  CREATE TABLE crawl (
    started_at REAL NOT NULL,
    is_thorough INTEGER NOT NULL
  ) STRICT;
  -- One row: when the last thorough crawl began that was finished.
  CREATE TABLE thorough_crawl (
    started_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE illegal_name (
    name TEXT PRIMARY KEY NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- state is coming while it is being written, then kept, then leaving while its figures are handed on to the next one.
  CREATE TABLE snapshot (
    number INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('coming', 'kept', 'leaving')),
    occasion TEXT NOT NULL CHECK (occasion IN ('collection', 'notification')),
    -- daily is the last one of its day (UTC); see retention.ts for what is kept for how long, and what counted_at is.
    kept_for TEXT NOT NULL CHECK (kept_for IN ('all', 'daily')),
    counted_at REAL NOT NULL,
    id TEXT NOT NULL,
    started_at REAL NOT NULL,
    finished_at REAL NOT NULL,
    repositories_count INTEGER NOT NULL,
    tags_count INTEGER NOT NULL,
    kinds TEXT NOT NULL,
    gaps_count INTEGER NOT NULL,
    gaps TEXT NOT NULL
  ) STRICT;
  CREATE INDEX snapshot_by_age ON snapshot (state, kept_for, counted_at);
  CREATE INDEX snapshot_by_time ON snapshot (finished_at);
  -- tag is empty but for tags, whose path is that of their repository.
  CREATE TABLE node (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('namespace', 'registry', 'repository', 'tag')),
    path TEXT NOT NULL,
    tag TEXT NOT NULL,
    UNIQUE (kind, path, tag)
  ) STRICT;
  CREATE TABLE figures (
    node INTEGER NOT NULL REFERENCES node (number),
    snapshot INTEGER NOT NULL REFERENCES snapshot (number),
    is_there INTEGER NOT NULL,
    size_bytes REAL,
    disk_size_bytes REAL,
    deduplicated_bytes REAL,
    reclaimable_bytes REAL,
    metadata_bytes REAL,
    tags_count INTEGER NOT NULL,
    is_complete INTEGER NOT NULL,
    PRIMARY KEY (node, snapshot)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX figures_of_snapshot ON figures (snapshot);
  -- What the latest snapshot was counted from, in pieces (encode-findings.ts).
  CREATE TABLE findings (
    snapshot INTEGER NOT NULL REFERENCES snapshot (number),
    piece INTEGER NOT NULL,
    format INTEGER NOT NULL,
    is_last INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (snapshot, piece)
  ) STRICT
  `,
  `
  -- One row if the last finished crawl could not read the list of repositories to its end; reason is JSON.
  CREATE TABLE list_cut (
    reason TEXT NOT NULL
  ) STRICT
  `,
  `
  -- When the registry was last asked for a blob, and whether it answered. A blob of another size is stored, but not as its manifests state.
  ALTER TABLE blob ADD COLUMN checked_at REAL;
  ALTER TABLE blob ADD COLUMN state TEXT NOT NULL DEFAULT 'answered'
    CHECK (state IN ('answered', 'other size', 'unanswered'));
  CREATE INDEX faulty_blob ON blob (digest)
    WHERE (state = 'answered' AND bytes IS NULL) OR state = 'other size'
  `,
  `
  -- The part of the deduplicated bytes that is rows of the registry's database, and what the snapshot was computed for. collector is JSON.
  ALTER TABLE figures ADD COLUMN database_bytes REAL;
  ALTER TABLE snapshot ADD COLUMN collector TEXT
  `,
];

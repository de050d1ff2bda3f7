// The catalog's tables, as migrations that never change once released. A database at version n has
// run the first n of them (PRAGMA user_version).

import type Database from 'better-sqlite3'
import { isSealed, seal } from './seal.ts'

export const migrations: readonly string[] = [
  `
  CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    labels TEXT NOT NULL,
    UNIQUE (tenant, labels)
  ) STRICT;

  CREATE TABLE label_pairs (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (tenant, name, value)
  ) STRICT;

  CREATE TABLE stream_pairs (
    pair_id INTEGER NOT NULL,
    stream_id INTEGER NOT NULL,
    PRIMARY KEY (pair_id, stream_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stream_pairs_by_stream ON stream_pairs (stream_id);

  -- When a stream was active on a day; both ends inclusive, rounded outwards to whole ten seconds.
  CREATE TABLE stream_days (
    stream_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    min_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    PRIMARY KEY (stream_id, day)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX stream_days_by_day ON stream_days (day);

  CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    level INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX segments_by_level ON segments (level, sequence);

  CREATE TABLE segment_parts (
    segment_id INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    day INTEGER NOT NULL,
    min_ns INTEGER NOT NULL,
    max_ns INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    line_bytes INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, segment_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE dropped_segments (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

  CREATE INDEX segment_parts_by_segment ON segment_parts (segment_id);
  `,
  `
  CREATE TABLE delete_requests (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    query TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    UNIQUE (tenant, id)
  ) STRICT;
  `,
  `
  -- Numbers that only grow: the highest sequences in the names of segments that were ever entered.
  CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO marks
    SELECT 'level0', coalesce(max(CAST(substr(name, 1, 16) AS INTEGER)), 0) FROM segments WHERE level = 0;
  INSERT INTO marks
    SELECT 'compacted', coalesce(max(CAST(substr(name, 1, 16) AS INTEGER)), 0) FROM segments WHERE level > 0;
  INSERT INTO marks VALUES ('settled', 0);

  -- Segments that were known and whose files were gone at a start.
  CREATE TABLE lost_segments (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  -- Version of the segment format; docs/segment-format.md. All segments before this had version 1.
  ALTER TABLE segments ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
  `,
  `
  -- Days on which a label had a value in any stream, so that names and values need not look at streams.
  CREATE TABLE pair_days (
    pair_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (pair_id, day)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pair_days_by_day ON pair_days (day);
  INSERT INTO pair_days
    SELECT DISTINCT pair_id, day FROM stream_pairs JOIN stream_days USING (stream_id);
  `,
  `
  -- Groups of rules made by API, as YAML.
  CREATE TABLE rule_groups (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (tenant, namespace, name)
  ) STRICT;

  -- Groups that have alerts, with the time of their last evaluation.
  CREATE TABLE rule_evaluations (
    group_key TEXT PRIMARY KEY,
    evaluated_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Alerts that are pending or firing, or have ended lately, as JSON.
  CREATE TABLE rule_alerts (
    group_key TEXT NOT NULL,
    rule TEXT NOT NULL,
    labels TEXT NOT NULL,
    alert TEXT NOT NULL,
    PRIMARY KEY (group_key, rule, labels)
  ) STRICT, WITHOUT ROWID;
  `,
]

/** Brings a database to the newest version. @throws RangeError when a newer program wrote it. */
export function migrate(database: Database.Database, path: string): void {
  const version = database.pragma('user_version', { simple: true }) as number
  if (version > migrations.length) {
    throw new RangeError(
      `Cannot open catalog ${path}: version ${version} is newer than this program`,
    )
  }
  for (let next = version; next < migrations.length; next++) {
    database.transaction(() => {
      database.exec(migrations[next]!)
      database.pragma(`user_version = ${next + 1}`)
      seal(database)
    })()
  }
  if (!isSealed(database)) seal(database)
}

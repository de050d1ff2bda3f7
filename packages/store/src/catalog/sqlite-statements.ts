// The SQL statements of the catalog's database, prepared once. sqlite.ts combines them.

import type Database from 'better-sqlite3'

function selectParts(condition: string): string {
  return `SELECT name, level, sequence, version, size_bytes AS sizeBytes, created_ms AS createdMs,
                 tenant, day, row_count AS rowCount, line_bytes AS lineBytes
          FROM segments JOIN segment_parts ON segment_id = segments.id
          WHERE ${condition} ORDER BY sequence, name`
}

interface FirstColumn {
  firstColumn: string
}

/** Marks a statement whose rows are returned as bare values of the first column. */
function firstColumn(sql: string): FirstColumn {
  return { firstColumn: sql }
}

/** Statements that add streams, their labels and their active days. */
const streamStatements = {
  findStream: firstColumn('SELECT id FROM streams WHERE tenant = ? AND labels = ?'),
  addStream: firstColumn('INSERT INTO streams (tenant, labels) VALUES (?, ?) RETURNING id'),
  // Returns nothing if it is there.
  addPair: firstColumn(
    'INSERT OR IGNORE INTO label_pairs (tenant, name, value) VALUES (?, ?, ?) RETURNING id',
  ),
  findPair: firstColumn('SELECT id FROM label_pairs WHERE tenant = ? AND name = ? AND value = ?'),
  addStreamPair: 'INSERT OR IGNORE INTO stream_pairs (pair_id, stream_id) VALUES (?, ?)',
  hasStreamPair: firstColumn('SELECT 1 FROM stream_pairs WHERE pair_id = ? AND stream_id = ?'),
  hasPairDay: firstColumn('SELECT 1 FROM pair_days WHERE pair_id = ? AND day = ?'),
  coversTimes: firstColumn(
    `SELECT 1 FROM stream_days
         WHERE stream_id = ? AND day = ? AND min_ns <= ? AND max_ns >= ?`,
  ),
  extendActivity: `UPDATE stream_days SET min_ns = min(min_ns, @minNs), max_ns = max(max_ns, @maxNs)
       WHERE stream_id = @id AND day = @day`,
  addActivity:
    'INSERT INTO stream_days (stream_id, day, min_ns, max_ns) VALUES (@id, @day, @minNs, @maxNs)',
  addPairDays: `INSERT OR IGNORE INTO pair_days (pair_id, day)
       SELECT pair_id, @day FROM stream_pairs WHERE stream_id = @id`,
}

/** Statements that remove streams that are no longer active. */
const expiryStatements = {
  forgetDays: firstColumn(
    `DELETE FROM stream_days
         WHERE day < ? AND stream_id IN (SELECT id FROM streams WHERE tenant = ?) RETURNING stream_id`,
  ),
  forgetPairDays: `DELETE FROM pair_days
       WHERE day < ? AND pair_id IN (SELECT id FROM label_pairs WHERE tenant = ?)`,
  // Of the labels of one stream, those that no other stream has on the day.
  forgetIdlePairDays: `DELETE FROM pair_days
       WHERE day = @day AND pair_id IN (SELECT pair_id FROM stream_pairs WHERE stream_id = @id)
         AND NOT EXISTS (
           SELECT 1 FROM stream_pairs JOIN stream_days USING (stream_id)
             WHERE pair_id = pair_days.pair_id AND day = @day)`,
  activeDays: firstColumn(
    `SELECT DISTINCT day FROM stream_days JOIN streams ON id = stream_id
         WHERE tenant = ? AND day BETWEEN ? AND ? ORDER BY day`,
  ),
  segmentsOfDay: firstColumn(
    `SELECT name FROM segments JOIN segment_parts ON segment_id = segments.id
         WHERE tenant = ? AND day = ?`,
  ),
  streamsOfDay: `SELECT id, labels FROM streams JOIN stream_days ON stream_id = id
       WHERE tenant = ? AND day = ?`,
  forgetDay: 'DELETE FROM stream_days WHERE stream_id = ? AND day = ?',
  forgetStream: `DELETE FROM streams
       WHERE id = ? AND NOT EXISTS (SELECT 1 FROM stream_days WHERE stream_id = id)`,
  pairsOfStream: firstColumn('SELECT pair_id FROM stream_pairs WHERE stream_id = ?'),
  forgetStreamPairs: 'DELETE FROM stream_pairs WHERE stream_id = ?',
  forgetPair: `DELETE FROM label_pairs
       WHERE id = ? AND NOT EXISTS (SELECT 1 FROM stream_pairs WHERE pair_id = id)`,
}

/** Statements about segments and their parts. */
const segmentStatements = {
  addSegment: firstColumn(
    `INSERT OR IGNORE INTO segments (name, level, sequence, version, size_bytes, created_ms)
         VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
  ),
  addPart: `INSERT INTO segment_parts (segment_id, tenant, day, min_ns, max_ns, row_count, line_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
  removeParts:
    'DELETE FROM segment_parts WHERE segment_id = (SELECT id FROM segments WHERE name = ?)',
  removeSegment: 'DELETE FROM segments WHERE name = ?',
  addDropped: 'INSERT OR IGNORE INTO dropped_segments (name) VALUES (?)',
  listDropped: firstColumn('SELECT name FROM dropped_segments'),
  forgetDropped: 'DELETE FROM dropped_segments WHERE name = ?',
  addLost: 'INSERT OR IGNORE INTO lost_segments (name) VALUES (?)',
  listLost: firstColumn('SELECT name FROM lost_segments'),
  forgetLost: 'DELETE FROM lost_segments WHERE name = ?',
  raiseMark: 'UPDATE marks SET value = ? WHERE name = ? AND value < ?',
  settle: "UPDATE marks SET value = value + 1 WHERE name = 'settled'",
  copiedVersion: firstColumn("SELECT value FROM marks WHERE name = 'copied'"),
  setCopied: `INSERT INTO marks (name, value) VALUES ('copied', ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  copiedTag: firstColumn("SELECT value FROM marks WHERE name = 'copied-tag'"),
  setCopiedTag: `INSERT INTO marks (name, value) VALUES ('copied-tag', ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  // Delete requests count too: a request's sequence is above every commit acknowledged before it
  // began.
  marks: `SELECT max((SELECT value FROM marks WHERE name = 'level0'),
              (SELECT coalesce(max(sequence), 0) FROM delete_requests)) AS level0,
            (SELECT value FROM marks WHERE name = 'compacted') AS compacted`,
  // At level 0, only segments that hold nothing else. They would normally wait to be merged, but a
  // full disk can prevent that.
  findExpired: firstColumn(
    `SELECT DISTINCT name FROM segments JOIN segment_parts ON segment_id = segments.id
         WHERE tenant = @tenant AND day < @day AND (level > 0 OR NOT EXISTS (
           SELECT 1 FROM segment_parts AS other
             WHERE other.segment_id = segments.id AND (other.tenant <> @tenant OR other.day >= @day)))`,
  ),
  listSegments: `SELECT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs
       FROM segments ORDER BY sequence, name`,
  hasSegment: firstColumn('SELECT 1 FROM segments WHERE name = ?'),
  partsOf: `SELECT tenant, day, min_ns AS minNs, max_ns AS maxNs, row_count AS rowCount,
              line_bytes AS lineBytes
       FROM segments JOIN segment_parts ON segment_id = segments.id WHERE name = ?`,
  listLevel0Parts: selectParts('level = 0'),
  listCompactedParts: selectParts('level > 0'),
  // A segment of level 0 may hold several tenants and days. An empty line counts a byte, so that no
  // part has none.
  daySizes: `SELECT tenant, day,
              sum(CASE WHEN level > 0 THEN size_bytes ELSE 0 END) AS compactedBytes,
              CAST(ceil(sum(CASE WHEN level > 0 THEN 0 ELSE size_bytes * (line_bytes + 1.0) / (
                SELECT sum(line_bytes + 1) FROM segment_parts AS other
                  WHERE other.segment_id = segments.id) END)) AS INTEGER) AS level0Bytes
       FROM segment_parts JOIN segments ON segments.id = segment_id
       GROUP BY tenant, day ORDER BY day, tenant`,
  segmentsSince: `SELECT name, tenant, day, size_bytes AS sizeBytes,
              (max_ns + 999999) / 1000000 AS maxMs
       FROM segment_parts JOIN segments ON segments.id = segment_id
       WHERE level > 0 AND day >= ? ORDER BY day, sequence, name`,
  level0: `SELECT count(*) AS segments, coalesce(sum(size_bytes), 0) AS sizeBytes,
              coalesce(min(created_ms), 0) AS oldestMs
       FROM segments WHERE level = 0`,
  findSegments: `SELECT DISTINCT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs
       FROM segment_parts JOIN segments ON segments.id = segment_id
       WHERE tenant = ? AND day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ?
       ORDER BY sequence, name`,
  totals: `SELECT (SELECT count(*) FROM segments) AS segments, (SELECT count(*) FROM streams) AS streams,
              (SELECT coalesce(sum(size_bytes), 0) FROM segments) AS sizeBytes`,
}

/** Statements that find streams, label names and values. */
const searchStatements = {
  pairsOfName: 'SELECT id, value FROM label_pairs WHERE tenant = ? AND name = ?',
  streamsOfPair: firstColumn('SELECT stream_id FROM stream_pairs WHERE pair_id = ?'),
  streamsOfTenant: firstColumn('SELECT id FROM streams WHERE tenant = ?'),
  streamById: firstColumn('SELECT labels FROM streams WHERE id = ?'),
  activeOne: firstColumn(
    `SELECT 1 FROM stream_days
         WHERE stream_id = ? AND day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ? LIMIT 1`,
  ),
  activeAll: firstColumn(
    'SELECT DISTINCT stream_id FROM stream_days WHERE day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ?',
  ),
  someStreamsOfPair: firstColumn('SELECT stream_id FROM stream_pairs WHERE pair_id = ? LIMIT ?'),
  // Steps from name to name, so that it does not look at all values of each.
  names: firstColumn(
    `WITH RECURSIVE known (name) AS (
           SELECT min(name) FROM label_pairs WHERE tenant = @tenant
           UNION ALL
           SELECT (SELECT min(name) FROM label_pairs WHERE tenant = @tenant AND name > known.name)
             FROM known WHERE known.name IS NOT NULL)
         SELECT name FROM known WHERE name IS NOT NULL AND EXISTS (
           SELECT 1 FROM label_pairs AS pair JOIN pair_days ON pair_id = pair.id
             WHERE tenant = @tenant AND pair.name = known.name AND day BETWEEN @first AND @last)
         ORDER BY name`,
  ),
  values: firstColumn(
    `SELECT value FROM label_pairs WHERE tenant = ? AND name = ? AND EXISTS (
           SELECT 1 FROM pair_days WHERE pair_id = label_pairs.id AND day BETWEEN ? AND ?)
         ORDER BY value`,
  ),
  tenants: firstColumn('SELECT DISTINCT tenant FROM streams ORDER BY tenant'),
}

const catalogStatements = {
  ...streamStatements,
  ...segmentStatements,
  ...expiryStatements,
  ...searchStatements,
}

export type CatalogStatements = Record<keyof typeof catalogStatements, Database.Statement>

/** Prepares all statements. The tables must exist. */
export function prepareStatements(database: Database.Database): CatalogStatements {
  const prepared = Object.entries<string | FirstColumn>(catalogStatements).map(([name, sql]) => [
    name,
    typeof sql === 'string' ? database.prepare(sql) : database.prepare(sql.firstColumn).pluck(),
  ])
  return Object.fromEntries(prepared)
}

// The statements of the catalog's database, prepared once. What they mean together is sqlite.ts's business.

import type Database from 'better-sqlite3'

function selectParts(condition: string): string {
  return `SELECT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs, tenant, day,
                 row_count AS rowCount, line_bytes AS lineBytes
          FROM segments JOIN segment_parts ON segment_id = segments.id
          WHERE ${condition} ORDER BY sequence, name`
}

export type CatalogStatements = ReturnType<typeof prepareStatements>

/** Prepares all statements; the tables have to be there. */
export function prepareStatements(database: Database.Database) {
  return {
    ...prepareStreams(database),
    ...prepareSegments(database),
    ...prepareExpiry(database),
    ...prepareSearches(database),
  }
}

/** Statements that enter streams, their labels and their days. */
function prepareStreams(database: Database.Database) {
  return {
    findStream: database.prepare('SELECT id FROM streams WHERE tenant = ? AND labels = ?').pluck(),
    addStream: database
      .prepare('INSERT INTO streams (tenant, labels) VALUES (?, ?) RETURNING id')
      .pluck(),
    addPair: database.prepare(
      'INSERT OR IGNORE INTO label_pairs (tenant, name, value) VALUES (?, ?, ?)',
    ),
    findPair: database
      .prepare('SELECT id FROM label_pairs WHERE tenant = ? AND name = ? AND value = ?')
      .pluck(),
    addStreamPair: database.prepare(
      'INSERT OR IGNORE INTO stream_pairs (pair_id, stream_id) VALUES (?, ?)',
    ),
    addActivity: database.prepare(
      `INSERT INTO stream_days (stream_id, day, min_ns, max_ns) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET min_ns = min(min_ns, excluded.min_ns), max_ns = max(max_ns, excluded.max_ns)`,
    ),
  }
}

/** Statements that let streams go which are active no more. */
function prepareExpiry(database: Database.Database) {
  return {
    forgetDays: database.prepare(
      `DELETE FROM stream_days
       WHERE day < ? AND stream_id IN (SELECT id FROM streams WHERE tenant = ?)`,
    ),
    activeDays: database
      .prepare(
        `SELECT DISTINCT day FROM stream_days JOIN streams ON id = stream_id
         WHERE tenant = ? AND day BETWEEN ? AND ? ORDER BY day`,
      )
      .pluck(),
    segmentsOfDay: database
      .prepare(
        `SELECT name FROM segments JOIN segment_parts ON segment_id = segments.id
         WHERE tenant = ? AND day = ?`,
      )
      .pluck(),
    streamsOfDay: database.prepare(
      `SELECT id, labels FROM streams JOIN stream_days ON stream_id = id
       WHERE tenant = ? AND day = ?`,
    ),
    forgetDay: database.prepare('DELETE FROM stream_days WHERE stream_id = ? AND day = ?'),
    forgetStreams: database.prepare(
      `DELETE FROM streams
       WHERE tenant = ? AND NOT EXISTS (SELECT 1 FROM stream_days WHERE stream_id = id)`,
    ),
    forgetStreamPairs: database.prepare(
      'DELETE FROM stream_pairs WHERE stream_id NOT IN (SELECT id FROM streams)',
    ),
    forgetPairs: database.prepare(
      `DELETE FROM label_pairs
       WHERE tenant = ? AND NOT EXISTS (SELECT 1 FROM stream_pairs WHERE pair_id = id)`,
    ),
  }
}

/** Statements about segments and what they hold. */
function prepareSegments(database: Database.Database) {
  return {
    addSegment: database
      .prepare(
        `INSERT OR IGNORE INTO segments (name, level, sequence, size_bytes, created_ms)
         VALUES (?, ?, ?, ?, ?) RETURNING id`,
      )
      .pluck(),
    addPart: database.prepare(
      `INSERT INTO segment_parts (segment_id, tenant, day, min_ns, max_ns, row_count, line_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    removeParts: database.prepare(
      'DELETE FROM segment_parts WHERE segment_id = (SELECT id FROM segments WHERE name = ?)',
    ),
    removeSegment: database.prepare('DELETE FROM segments WHERE name = ?'),
    addDropped: database.prepare('INSERT OR IGNORE INTO dropped_segments (name) VALUES (?)'),
    listDropped: database.prepare('SELECT name FROM dropped_segments').pluck(),
    forgetDropped: database.prepare('DELETE FROM dropped_segments WHERE name = ?'),
    findExpired: database
      .prepare(
        `SELECT name FROM segments JOIN segment_parts ON segment_id = segments.id
         WHERE level > 0 AND tenant = ? AND day < ?`,
      )
      .pluck(),
    listSegments: database.prepare(
      `SELECT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs
       FROM segments ORDER BY sequence, name`,
    ),
    listLevel0Parts: database.prepare(selectParts('level = 0')),
    listCompactedParts: database.prepare(selectParts('level > 0')),
    level0: database.prepare(
      `SELECT count(*) AS segments, coalesce(sum(size_bytes), 0) AS sizeBytes,
              coalesce(min(created_ms), 0) AS oldestMs
       FROM segments WHERE level = 0`,
    ),
    findSegments: database.prepare(
      `SELECT DISTINCT name, level, sequence, size_bytes AS sizeBytes, created_ms AS createdMs
       FROM segment_parts JOIN segments ON segments.id = segment_id
       WHERE tenant = ? AND day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ?
       ORDER BY sequence, name`,
    ),
    totals: database.prepare(
      `SELECT (SELECT count(*) FROM segments) AS segments, (SELECT count(*) FROM streams) AS streams,
              (SELECT coalesce(sum(size_bytes), 0) FROM segments) AS sizeBytes`,
    ),
  }
}

/** Statements that find streams, label names and values. */
function prepareSearches(database: Database.Database) {
  return {
    pairsOfName: database.prepare(
      'SELECT id, value FROM label_pairs WHERE tenant = ? AND name = ?',
    ),
    streamsOfPair: database.prepare('SELECT stream_id FROM stream_pairs WHERE pair_id = ?').pluck(),
    streamsOfTenant: database.prepare('SELECT id FROM streams WHERE tenant = ?').pluck(),
    streamById: database.prepare('SELECT labels FROM streams WHERE id = ?').pluck(),
    activeOne: database
      .prepare(
        `SELECT 1 FROM stream_days
         WHERE stream_id = ? AND day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ? LIMIT 1`,
      )
      .pluck(),
    activeAll: database
      .prepare(
        'SELECT DISTINCT stream_id FROM stream_days WHERE day BETWEEN ? AND ? AND min_ns < ? AND max_ns >= ?',
      )
      .pluck(),
    names: database
      .prepare(
        `SELECT DISTINCT name FROM label_pairs WHERE tenant = ? AND EXISTS (
           SELECT 1 FROM stream_pairs JOIN stream_days USING (stream_id)
           WHERE pair_id = label_pairs.id AND day BETWEEN ? AND ?) ORDER BY name`,
      )
      .pluck(),
    values: database
      .prepare(
        `SELECT value FROM label_pairs WHERE tenant = ? AND name = ? AND EXISTS (
           SELECT 1 FROM stream_pairs JOIN stream_days USING (stream_id)
           WHERE pair_id = label_pairs.id AND day BETWEEN ? AND ?) ORDER BY value`,
      )
      .pluck(),
    tenants: database.prepare('SELECT DISTINCT tenant FROM streams ORDER BY tenant').pluck(),
  }
}

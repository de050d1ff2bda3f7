// Runs transactions that wait for the disk. A power loss may undo the newest of all other
// transactions. That is fine: a listing of the segments restores what they recorded.

import type Database from 'better-sqlite3'

/**
 * Runs a transaction that survives a power loss once this returns. @throws SqliteError when it
 * fails.
 */
export function runSynced<T>(database: Database.Database, work: () => T): T {
  database.pragma('synchronous = FULL')
  try {
    return database.transaction(work)()
  } finally {
    database.pragma('synchronous = NORMAL')
  }
}

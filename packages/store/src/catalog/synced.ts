// Transactions that wait for the disk. All others may be lost by a power loss, in the order they came: what
// they entered is found again by listing the segments.

import type Database from 'better-sqlite3'

/** Runs a transaction that survives a power loss when this returns. @throws SqliteError when it cannot. */
export function runSynced<T>(database: Database.Database, work: () => T): T {
  database.pragma('synchronous = FULL')
  try {
    return database.transaction(work)()
  } finally {
    database.pragma('synchronous = NORMAL')
  }
}

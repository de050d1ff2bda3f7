// The seal of a catalog: a checksum of its version and its tables, in a field of SQLite's header that is for
// applications. SQLite notices no damage in the text of its schema and in most of its header. With such damage a table
// would seem to be missing, or the version to be one of a newer program.

import { crc32 } from 'node:zlib'
import type Database from 'better-sqlite3'

/**
 * Returns the seal of a database as it is now, as the signed number that SQLite keeps; never 0.
 * @throws SqliteError when the file is damaged.
 */
function sealOf(database: Database.Database): number {
  const version = database.pragma('user_version', { simple: true }) as number
  const tables = database
    .prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name')
    .raw()
    .all()
  return crc32(JSON.stringify([version, tables])) | 0 || 1
}

function writtenSeal(database: Database.Database): number {
  return database.pragma('application_id', { simple: true }) as number
}

/** Writes the seal that fits the version and the tables of this moment. Call it in the transaction that changes them. */
export function seal(database: Database.Database): void {
  database.pragma(`application_id = ${sealOf(database)}`)
}

/** Returns true if a database has a seal. Catalogs of the first versions have none until a newer program opens them. */
export function isSealed(database: Database.Database): boolean {
  return writtenSeal(database) !== 0
}

/**
 * Checks that the version and the tables are those that were sealed.
 * @throws an error with a code SQLITE_CORRUPT or SQLITE_NOTADB.
 */
export function checkSeal(database: Database.Database): void {
  let fits: boolean
  try {
    fits = !isSealed(database) || sealOf(database) === writtenSeal(database)
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    // SQLite cannot read what it reads first. Errors of the disk have other codes.
    throw code === 'SQLITE_ERROR' ? damage(message) : error
  }
  if (!fits) throw damage('its version and tables do not fit its seal')
}

function damage(what: string): Error {
  return Object.assign(new Error(`The catalog is damaged: ${what}`), { code: 'SQLITE_CORRUPT' })
}

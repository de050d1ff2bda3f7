// Checks the file of a catalog as a whole.

import type Database from 'better-sqlite3'
import { catalogCheckBytesMax } from '../limits.ts'

/**
 * Checks that tables and indexes fit together, if the file is small enough to do so at a start.
 * @throws an error with the code SQLITE_CORRUPT.
 */
export function checkStructure(database: Database.Database): void {
  const pages = database.pragma('page_count', { simple: true }) as number
  const pageBytes = database.pragma('page_size', { simple: true }) as number
  if (pages * pageBytes > catalogCheckBytesMax) return
  const text = database.pragma('integrity_check(1)', { simple: true }) as string
  if (text === 'ok') return
  throw Object.assign(new Error(`The catalog is damaged: ${text}`), { code: 'SQLITE_CORRUPT' })
}

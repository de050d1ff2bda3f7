// Begins a shared catalog with what a copy in the bucket has, instead of with nothing.

import { randomUUID } from 'node:crypto'
import { CatalogOwnerError } from '../errors.ts'
import type { Database } from './postgres.ts'

/** What a copy of the catalog says. */
export interface CatalogBase {
  /** Identity of the catalog. */
  readonly store: string
  readonly version: number
  /** Tag of the version. */
  readonly tag: number
  /** Names of its segments. */
  readonly segments: readonly string[]
}

/**
 * Enters the segments of a copy into an empty database, in one transaction. Replicas then begin with this copy, which
 * must be in the bucket.
 *
 * @throws CatalogOwnerError when the database is not empty any more; CatalogUnavailableError.
 */
export async function enterBase(
  database: Database,
  { store, version, tag, segments }: CatalogBase,
): Promise<void> {
  const [row] = await database.query<{ entered: boolean }>({
    text: `WITH head AS (
        UPDATE skald.head SET store = $1, version = $2, floor = $2, copied = $2, rules = $2, forgets = $2,
          copied_at = clock_timestamp() WHERE version = 0 RETURNING version),
      added AS (INSERT INTO skald.segments (name, made)
        SELECT name, version FROM head, unnest($3::text[]) AS name),
      made AS (INSERT INTO skald.changes (version, id, change)
        SELECT version, $4, '{"kind": "jumped", "from": 0}' FROM head)
      SELECT EXISTS (SELECT 1 FROM head) AS entered`,
    values: [store, version, segments, idOf(tag)],
  })
  if (row?.entered) return
  throw new CatalogOwnerError(
    'the catalog in PostgreSQL is not empty any more: a replica writes to it',
  )
}

/** Returns an id with a tag. */
function idOf(tag: number): string {
  const digits = tag.toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}${randomUUID().slice(13)}`
}

/** Returns a new tag. */
export function newTag(): number {
  return Number.parseInt(randomUUID().replaceAll('-', '').slice(0, 12), 16)
}

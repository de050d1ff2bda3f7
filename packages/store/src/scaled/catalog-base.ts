// Begins a shared catalog with what a copy in the bucket has, instead of with nothing.

import { randomUUID } from 'node:crypto'
import type { KeptAlerts } from '../catalog/kept-rules.ts'
import { CatalogOwnerError } from '../errors.ts'
import type { Database } from './postgres.ts'
import { leaseOfGroup } from './rules/rule-turns.ts'
import { codedAlert, groupId } from './rules/state-codec.ts'

/** What a copy of the catalog says. */
export interface CatalogBase {
  /** Identity of the catalog. */
  readonly store: string
  readonly version: number
  /** Tag of the version. */
  readonly tag: number
  /** Names of its segments. */
  readonly segments: readonly string[]
  /** States of groups of rules; none if it is the copy of replicas, which have them in the database. */
  readonly states?: readonly MovedState[]
}

/** The state of a group of rules. */
export interface MovedState {
  /** As groupKey has it. */
  readonly group: string
  readonly stored: KeptAlerts
}

/**
 * Enters the segments of a copy into an empty database, in one transaction. Replicas then begin with this copy, which
 * must be in the bucket.
 *
 * @throws CatalogOwnerError when the database is not empty any more; CatalogUnavailableError.
 */
export async function enterBase(
  database: Database,
  { store, version, tag, segments, states = [] }: CatalogBase,
): Promise<void> {
  const groups = states.map(({ group, stored }) => ({ id: groupId(group), stored }))
  const alerts = groups.flatMap(({ id, stored }) =>
    stored.alerts.map(alert => ({ group: id, ...codedAlert(alert) })),
  )
  const [row] = await database.query<{ entered: boolean }>({
    text: `WITH head AS (
        UPDATE skald.head SET store = $1, version = $2, floor = $2, copied = $2, rules = $2, forgets = $2,
          copied_at = clock_timestamp() WHERE version = 0 RETURNING version),
      added AS (INSERT INTO skald.segments (name, made)
        SELECT name, version FROM head, unnest($3::text[]) AS name),
      made AS (INSERT INTO skald.changes (version, id, change)
        SELECT version, $4, '{"kind": "jumped", "from": 0}' FROM head),
      groups AS (INSERT INTO skald.rule_states (id, lease, evaluated_ms)
        SELECT moved.* FROM head, unnest($5::text[], $6::text[], $7::bigint[]) AS moved),
      alerts AS (INSERT INTO skald.rule_alerts (group_id, id, alert)
        SELECT moved.* FROM head, unnest($8::text[], $9::text[], $10::text[]) AS moved)
      SELECT EXISTS (SELECT 1 FROM head) AS entered`,
    values: [
      ...[store, version, segments, idOf(tag)],
      groups.map(({ id }) => id),
      groups.map(({ id }) => leaseOfGroup(id)),
      groups.map(({ stored }) => stored.evaluatedMs),
      alerts.map(({ group }) => group),
      alerts.map(({ id }) => id),
      alerts.map(({ text }) => text),
    ],
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

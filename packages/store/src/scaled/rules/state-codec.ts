// How the states of groups are written in PostgreSQL. Names and labels may have characters that its texts may not have, and
// may be too long for its indexes.

import { createHash } from 'node:crypto'
import type { KeptAlert, KeptAlerts } from '../../catalog/kept-rules.ts'
import type { GroupReport, StoredGroup } from '../../rules/group-status.ts'
import type { Database } from '../postgres.ts'

/** Returns the id of a group. @param key As groupKey has it. */
export function groupId(key: string): string {
  return sha256(key)
}

/** Returns an alert as it is stored; without a text, if it is to be removed. */
export function codedAlert({ rule, labels, alert }: KeptAlert): {
  readonly id: string
  readonly text: string | null
} {
  const id = sha256(JSON.stringify([rule, labels]))
  return { id, text: alert === undefined ? null : JSON.stringify([rule, labels, alert]) }
}

function decodeAlert(text: string): KeptAlert {
  const [rule, labels, alert] = JSON.parse(text) as [string, string, string]
  return { rule, labels, alert }
}

interface StateRow {
  readonly id: string
  readonly evaluated: string
  readonly report: string | null
  readonly alerts: readonly string[] | null
}

/** Reads the states of groups by their ids. @throws CatalogUnavailableError */
export async function readStates(
  database: Pick<Database, 'query'>,
  ids: readonly string[],
): Promise<ReadonlyMap<string, KeptAlerts & StoredGroup>> {
  if (ids.length === 0) return new Map()
  const rows = await database.query<StateRow>({
    name: 'rule-states',
    text: `SELECT id, greatest(evaluated_ms, finished_ms) AS evaluated, report,
        (SELECT json_agg(a.alert) FROM skald.rule_alerts AS a WHERE a.group_id = s.id) AS alerts
      FROM skald.rule_states AS s WHERE id = ANY ($1)`,
    values: [ids],
  })
  return new Map(
    rows.map(({ id, evaluated, report, alerts }) => [
      id,
      {
        evaluatedMs: Number(evaluated),
        report: report === null ? undefined : (JSON.parse(report) as GroupReport),
        alerts: (alerts ?? []).map(decodeAlert),
      },
    ]),
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

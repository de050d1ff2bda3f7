// The statements with which replicas read and write the shared catalog.

import { catalogPageChanges, replicaFencedMs } from '../limits.ts'
import { epochOf } from '../segment/name.ts'
import type { CodedChange } from './change-codec.ts'
import type { Statement } from './postgres.ts'

/** What the catalog says of itself, and the changes after a version. */
export interface Page {
  readonly version: string
  readonly rules: string
  readonly forgets: string
  readonly floor: string
  readonly store: string
  /** Tag of the change at the version that was asked for; `null` if it is not kept, or there is none. */
  readonly at: number | null
  readonly changes: readonly CodedRow[] | null
}

type CodedRow = readonly [version: number, enteredMs: number, change: CodedChange, tag: number]

/** Reads a page of changes. The version is that of the copy. */
export function pageAfter(version: number): Statement {
  return { ...pageStatement, values: [version] }
}

const pageStatement = {
  name: 'changes',
  text: `SELECT version, rules, forgets, floor, store,
      (SELECT skald.tag(id)::float8 FROM skald.changes WHERE version = $1) AS at, (
      SELECT json_agg(json_build_array(c.version, c.entered_ms, c.change, skald.tag(c.id)) ORDER BY c.version) FROM (
        SELECT version, id, floor(extract(epoch FROM entered) * 1000) AS entered_ms, change
          FROM skald.changes WHERE version > $1 ORDER BY version LIMIT ${catalogPageChanges}) AS c
    ) AS changes FROM skald.head`,
}

/** A change and what it relies on. */
export interface Recorded {
  readonly id: string
  /** As JSON. */
  readonly change: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly job: number | undefined
  readonly rules: number | undefined
  /** The version of `forgets` that a commit relies on. Only commits have it. */
  readonly forgets: number | undefined
  readonly kind: 'rules' | 'forgets' | 'lost' | undefined
  /** The newest change of the replica, and its tag. */
  readonly at: number
  readonly tag: number
}

/** Makes a change, or finds it if it was made already. */
export function record(change: Recorded): Statement {
  const { id, added, removed, job, rules, forgets, kind, at, tag } = change
  // Other processes may have taken what it wrote for what a dead one has left.
  const [first] = forgets === undefined ? [] : added
  return {
    name: 'record',
    text: 'SELECT skald.record_after($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS version',
    values: [
      ...[id, change.change, added, removed, job ?? null, rules ?? null],
      ...[forgets ?? null, kind ?? null],
      ...[first === undefined ? null : (epochOf(first) ?? null), replicaFencedMs, at, tag],
    ],
  }
}

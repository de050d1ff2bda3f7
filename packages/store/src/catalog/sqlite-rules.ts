// Stores rules made by API, and the alerts of all rules, in the catalog's database.

import Database from 'better-sqlite3'
import { StorageUnavailableError } from '../errors.ts'
import type { RuleChange } from './catalog-changes.ts'
import type { KeptAlert, KeptAlerts, KeptGroup } from './kept-rules.ts'
import { runSynced } from './synced.ts'

function prepare(database: Database.Database) {
  return {
    list: database.prepare('SELECT tenant, namespace, name, text FROM rule_groups ORDER BY number'),
    set: database.prepare(
      `INSERT INTO rule_groups (tenant, namespace, name, text) VALUES (@tenant, @namespace, @name, @text)
       ON CONFLICT (tenant, namespace, name) DO UPDATE SET text = excluded.text`,
    ),
    remove: database.prepare(
      'DELETE FROM rule_groups WHERE tenant = ? AND namespace = ? AND name = ?',
    ),
    evaluated: database
      .prepare('SELECT evaluated_ms FROM rule_evaluations WHERE group_key = ?')
      .pluck(),
    alerts: database.prepare('SELECT rule, labels, alert FROM rule_alerts WHERE group_key = ?'),
    setEvaluated: database.prepare('INSERT OR REPLACE INTO rule_evaluations VALUES (?, ?)'),
    setAlert: database.prepare(
      'INSERT OR REPLACE INTO rule_alerts (group_key, rule, labels, alert) VALUES (?, ?, ?, ?)',
    ),
    removeAlert: database.prepare(
      'DELETE FROM rule_alerts WHERE group_key = ? AND rule = ? AND labels = ?',
    ),
    known: database.prepare('SELECT group_key FROM rule_evaluations').pluck(),
    forgetEvaluated: database.prepare('DELETE FROM rule_evaluations WHERE group_key = ?'),
    forgetAlerts: database.prepare('DELETE FROM rule_alerts WHERE group_key = ?'),
  }
}

/**
 * Rules and alerts. Groups are on disk when a method returns, and alerts survive the end of the process. Methods throw
 * StorageUnavailableError if the disk cannot be written.
 */
export class SqliteRules {
  readonly #database: Database.Database
  readonly #sql: ReturnType<typeof prepare>

  constructor(database: Database.Database) {
    this.#database = database
    this.#sql = prepare(database)
  }

  /** Returns the groups of all tenants, in the order in which they were made. */
  listGroups(): KeptGroup[] {
    return this.#sql.list.all() as KeptGroup[]
  }

  /** Adds a group, or replaces the one with its names. */
  setGroup(group: KeptGroup): void {
    this.#write('a rule group', () =>
      runSynced(this.#database, () => void this.#sql.set.run(group)),
    )
  }

  /** Removes a group. Returns false if there was none. */
  removeGroup(tenant: string, namespace: string, name: string): boolean {
    return this.#write('a rule group', () =>
      runSynced(this.#database, () => this.#sql.remove.run(tenant, namespace, name).changes > 0),
    )
  }

  /** Applies a change that replicas share, within the transaction of all changes. */
  apply(change: RuleChange): void {
    if (change.kind === 'rule-group-set') this.#sql.set.run(change.group)
    else
      for (const { tenant, namespace, name } of change.groups)
        this.#sql.remove.run(tenant, namespace, name)
  }

  /** Returns what was stored of the alerts of a group. */
  alertsOf(group: string): KeptAlerts | undefined {
    const evaluatedMs = this.#sql.evaluated.get(group) as number | undefined
    if (evaluatedMs === undefined) return undefined
    return { evaluatedMs, alerts: this.#sql.alerts.all(group) as KeptAlert[] }
  }

  /** Returns the alerts of all groups, by group. */
  allAlerts(): ReadonlyMap<string, KeptAlerts> {
    const known = this.#sql.known.all() as string[]
    return new Map(known.map(group => [group, this.alertsOf(group)!]))
  }

  /** Stores the time of an evaluation, and what has become of alerts, in one transaction. */
  saveAlerts(group: string, evaluatedMs: number, changes: readonly KeptAlert[]): void {
    const save = this.#database.transaction(() => {
      this.#sql.setEvaluated.run(group, evaluatedMs)
      for (const { rule, labels, alert } of changes) {
        if (alert === undefined) this.#sql.removeAlert.run(group, rule, labels)
        else this.#sql.setAlert.run(group, rule, labels, alert)
      }
    })
    this.#write('the state of alerts', save)
  }

  /** Forgets the alerts of all groups but these. */
  forgetOthers(groups: ReadonlySet<string>): void {
    const forget = this.#database.transaction(() => {
      for (const key of this.#sql.known.all() as string[]) {
        if (groups.has(key)) continue
        this.#sql.forgetEvaluated.run(key)
        this.#sql.forgetAlerts.run(key)
      }
    })
    this.#write('the state of alerts', forget)
  }

  #write<T>(what: string, work: () => T): T {
    try {
      return work()
    } catch (cause) {
      if (!(cause instanceof Database.SqliteError)) throw cause
      throw new StorageUnavailableError(`Cannot store ${what}: ${cause.message}`, { cause })
    }
  }
}

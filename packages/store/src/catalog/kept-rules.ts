// Defines how rules made by API, and the alerts of all rules, are stored. Neither can be rebuilt from the segments.

/** A group of rules made by API. */
export interface KeptGroup {
  readonly tenant: string
  readonly namespace: string
  readonly name: string
  /** The group as YAML. */
  readonly text: string
}

/** An alert of a rule, as its owner writes it. */
export interface KeptAlert {
  /** Names the rule within its group. */
  readonly rule: string
  /** Names the alert within its rule. */
  readonly labels: string
  /** Its state; absent in a change that removes it. */
  readonly alert: string | undefined
}

/** What was stored of the alerts of a group. */
export interface KeptAlerts {
  /** Time of the evaluation that stored them, in milliseconds. */
  readonly evaluatedMs: number
  readonly alerts: readonly KeptAlert[]
}

/**
 * Stores rules and alerts. Groups are on disk when a method returns, and alerts survive the end of the process.
 * Methods throw StorageUnavailableError if the disk cannot be written.
 */
export interface KeptRules {
  /** Returns the groups of all tenants, in the order in which they were made. */
  listGroups(): KeptGroup[]
  /** Adds a group, or replaces the one with its names. */
  setGroup(group: KeptGroup): void
  /** Removes a group. Returns false if there was none. */
  removeGroup(tenant: string, namespace: string, name: string): boolean
  /** Removes the groups of a namespace. Returns false if there were none. */
  removeNamespace(tenant: string, namespace: string): boolean
  /** Returns what was stored of the alerts of a group. */
  alertsOf(group: string): KeptAlerts | undefined
  /** Stores the time of an evaluation, and what has become of alerts, in one transaction. */
  saveAlerts(group: string, evaluatedMs: number, changes: readonly KeptAlert[]): void
  /** Forgets the alerts of all groups but these. */
  forgetOthers(groups: ReadonlySet<string>): void
}

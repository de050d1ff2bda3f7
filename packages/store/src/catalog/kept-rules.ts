// Defines how rules made by API, and the alerts of all rules, are stored. Neither can be rebuilt from the segments.

/** What names a group within a store. */
export interface GroupNames {
  readonly tenant: string
  readonly namespace: string
  readonly name: string
}

/** A group of rules made by API. */
export interface KeptGroup extends GroupNames {
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

/** Returns true if two groups have the same names. */
export function isSameGroup(a: GroupNames, b: GroupNames): boolean {
  return a.tenant === b.tenant && a.namespace === b.namespace && a.name === b.name
}

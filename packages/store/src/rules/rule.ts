// The rules of a tenant, as read from a file or a request, and checked.

/** What all rules have. */
interface RuleBase {
  /** LogQL that gives samples. */
  readonly expr: string
  /** In the order of their names. */
  readonly labels: ReadonlyMap<string, string>
  /** Where the rule is in its file; line 0 if it came by API. */
  readonly line: number
}

/** A rule that fires alerts. */
export interface AlertingRule extends RuleBase {
  readonly kind: 'alert'
  readonly name: string
  /** How long a sample must be there before its alert fires. */
  readonly forMs: number
  /** How long an alert fires on after its sample is gone. */
  readonly keepFiringMs: number
  readonly annotations: ReadonlyMap<string, string>
}

/** A rule whose samples are written elsewhere under a name. */
export interface RecordingRule extends RuleBase {
  readonly kind: 'record'
  readonly name: string
}

export type Rule = AlertingRule | RecordingRule

/** Rules that are evaluated together, in order. */
export interface RuleGroup {
  readonly name: string
  /** 0 for `ruler.evaluation_interval`. */
  readonly intervalMs: number
  /** How far before the time of the evaluation queries end; absent for none. */
  readonly queryOffsetMs: number | undefined
  /** Maximum number of alerts or series of a rule; 0 for no limit. */
  readonly limit: number
  /** Labels of all rules; a rule's own win. */
  readonly labels: ReadonlyMap<string, string>
  readonly rules: readonly Rule[]
}

/** A group and where it comes from. */
export interface PlacedGroup {
  readonly tenant: string
  /** Name of the file, or the name in the path of the API. Only data, never a path. */
  readonly namespace: string
  readonly group: RuleGroup
  readonly source: 'file' | 'api'
}

/** Returns the labels that a rule adds: those of its group, then its own. */
export function labelsOfRule(group: RuleGroup, rule: Rule): ReadonlyMap<string, string> {
  return group.labels.size === 0 ? rule.labels : new Map([...group.labels, ...rule.labels])
}

/** Returns a text that names a group within a store. */
export function groupKey({ tenant, namespace, group }: PlacedGroup): string {
  return JSON.stringify([tenant, namespace, group.name])
}

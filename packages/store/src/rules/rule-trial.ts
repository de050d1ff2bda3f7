// Tries rules over a time that is given, without a store around them: for unit tests of rules, and to see when alerts
// would have fired.

import { type Alert, AlertMachine } from './alert-machine.ts'
import {
  type AlertTemplates,
  findAlerts,
  findSeries,
  type RuleContext,
  templatesOf,
  type WrittenSample,
} from './evaluate.ts'
import type { Rule, RuleGroup } from './rule.ts'

interface TriedRule {
  readonly group: RuleGroup
  readonly rule: Rule
  readonly templates: AlertTemplates | undefined
  readonly machine: AlertMachine
  samples: readonly WrittenSample[]
  error: Error | undefined
}

/** How a rule does at the time of the last evaluation. */
export interface TrialStatus {
  readonly group: RuleGroup
  readonly rule: Rule
  /** With those that ended lately. */
  readonly alerts: readonly Alert[]
  /** What a recording rule recorded. */
  readonly samples: readonly WrittenSample[]
  readonly error: Error | undefined
}

/** Rules on trial. */
export class RuleTrial {
  readonly #rules: readonly TriedRule[]
  readonly #context: RuleContext

  constructor(groups: readonly RuleGroup[], context: RuleContext) {
    this.#context = context
    this.#rules = groups.flatMap(group =>
      group.rules.map(rule => ({
        group,
        rule,
        templates: rule.kind === 'alert' ? templatesOf(rule, group) : undefined,
        machine: new AlertMachine(),
        samples: [],
        error: undefined,
      })),
    )
  }

  /** Evaluates all rules at a time. Errors are in the state of their rules. */
  async evaluate(timeMs: number): Promise<void> {
    for (const tried of this.#rules) {
      try {
        await this.#evaluateRule(tried, timeMs)
        tried.error = undefined
      } catch (error) {
        tried.error = error as Error
      }
    }
  }

  get status(): readonly TrialStatus[] {
    return this.#rules.map(({ group, rule, machine, samples, error }) => ({
      ...{ group, rule, samples, error },
      alerts: machine.all,
    }))
  }

  async #evaluateRule(tried: TriedRule, timeMs: number): Promise<void> {
    const { group, rule, templates, machine } = tried
    const nowNs = BigInt(timeMs) * 1_000_000n
    const timeNs = nowNs - BigInt(group.queryOffsetMs ?? 0) * 1_000_000n
    if (rule.kind === 'record') {
      tried.samples = await findSeries(rule, group, { ...this.#context, timeNs })
      return
    }
    const found = await findAlerts(rule, templates!, { ...this.#context, timeNs, nowNs })
    const { forMs, keepFiringMs } = rule
    machine.update(found, timeMs, { forMs, keepFiringMs, limit: group.limit })
  }
}

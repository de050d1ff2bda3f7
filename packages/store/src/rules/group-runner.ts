// Evaluates one group again and again, and keeps what its rules found.

import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import type { KeptAlert, KeptRules } from '../catalog/kept-rules.ts'
import {
  type Alert,
  AlertMachine,
  type AlertTimes,
  afterOutage,
  needsSending,
} from './alert-machine.ts'
import { seriesOfAlerts } from './alert-series.ts'
import {
  type AlertTemplates,
  findAlerts,
  findSeries,
  type RuleContext,
  templatesOf,
  type WrittenSample,
} from './evaluate.ts'
import { phaseOf, slotBefore } from './phase.ts'
import { groupKey, labelsOfRule, type PlacedGroup, type Rule } from './rule.ts'
import type { RulerMetrics } from './ruler-metrics.ts'
import type { WriteSample } from './write-request.ts'

/** How a rule did at its last evaluation. */
export interface RuleStatus {
  readonly rule: Rule
  readonly health: 'unknown' | 'ok' | 'err'
  readonly lastError: string
  /** 0 for never. */
  readonly evaluatedMs: number
  readonly seconds: number
  readonly alerts: readonly Alert[]
}

/** How a group did at its last evaluation. */
export interface GroupStatus {
  readonly placed: PlacedGroup
  readonly intervalMs: number
  readonly evaluatedMs: number
  readonly seconds: number
  readonly rules: readonly RuleStatus[]
}

/** Alerts of one rule that have to be sent. */
export interface AlertsToSend {
  readonly placed: PlacedGroup
  readonly rule: Rule
  readonly alerts: readonly Alert[]
}

export interface GroupRunnerOptions {
  readonly intervalMs: number
  readonly resendDelayMs: number
  readonly toleranceMs: number
  readonly graceMs: number
  readonly context: RuleContext
  readonly kept: KeptRules
  readonly clock: { now(): number }
  readonly metrics: RulerMetrics
  /** Sends alerts whose state is stored. Must not throw. */
  readonly onAlerts: (alerts: AlertsToSend) => void
  /** Tells the webhooks about alerts of an evaluation. Returns those that all of them know now. */
  readonly tellHooks: ((alerts: AlertsToSend) => Promise<readonly Alert[]>) | undefined
  /** Keeps samples for other servers. @throws the system's error. */
  readonly onSamples:
    | ((tenant: string, samples: readonly WriteSample[]) => Promise<void>)
    | undefined
  readonly onFailure: (placed: PlacedGroup, rule: Rule, error: Error) => void
  /** Runs an evaluation of a rule when it is its turn. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>
}

interface RuleRun {
  readonly rule: Rule
  /** Names the rule in the stored state, also after the group has changed. */
  readonly key: string
  readonly templates: AlertTemplates | undefined
  readonly machine: AlertMachine
  status: Omit<RuleStatus, 'rule' | 'alerts'>
  /** Series of the last evaluation, which are marked as ended when they are gone. */
  series: ReadonlyMap<string, LabelSet>
  /** Alerts as they are stored. */
  stored: Map<string, string>
}

const never = { health: 'unknown', lastError: '', evaluatedMs: 0, seconds: 0 } as const

/** One group of rules. */
export class GroupRunner {
  readonly placed: PlacedGroup
  readonly key: string
  readonly #options: GroupRunnerOptions
  readonly #rules: RuleRun[]
  readonly #labels: { readonly user: string; readonly rule_group?: string }
  readonly #phaseMs: number
  #evaluatedMs = 0
  #seconds = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false

  constructor(placed: PlacedGroup, options: GroupRunnerOptions) {
    this.placed = placed
    this.key = groupKey(placed)
    this.#options = options
    this.#phaseMs = phaseOf(this.key, options.intervalMs)
    const { tenant, namespace, group } = placed
    this.#labels = options.metrics.hasGroupLabel
      ? { user: tenant, rule_group: `${namespace};${group.name}` }
      : { user: tenant }
    this.#rules = this.#restore()
  }

  get status(): GroupStatus {
    return {
      placed: this.placed,
      intervalMs: this.#options.intervalMs,
      evaluatedMs: this.#evaluatedMs,
      seconds: this.#seconds,
      rules: this.#rules.map(({ rule, status, machine }) => ({
        rule,
        ...status,
        alerts: machine.active,
      })),
    }
  }

  /** Begins to evaluate the group at its moments. */
  start(): void {
    const { metrics, intervalMs, clock } = this.#options
    metrics.interval.set(this.#labels, intervalMs / 1000)
    metrics.rules.set(this.#labels, this.#rules.length)
    for (const counter of [metrics.evaluations, metrics.failures, metrics.iterations])
      counter.inc(this.#labels, 0)
    metrics.missed.inc(this.#labels, 0)
    this.#schedule(slotBefore(clock.now(), intervalMs, this.#phaseMs) + intervalMs)
  }

  /** Stops. Waits for an evaluation that runs. If the group is gone, its series end. */
  async stop({ isGone }: { readonly isGone: boolean }): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#running
    const { metrics, onSamples, clock } = this.#options
    if (!isGone) return
    const { evaluations, failures, iterations, missed, interval, rules } = metrics
    const { lastEvaluation, lastDuration, lastSamples } = metrics
    for (const metric of [evaluations, failures, iterations, missed, interval, rules])
      if (metrics.hasGroupLabel) metric.remove(this.#labels)
    for (const metric of [lastEvaluation, lastDuration, lastSamples])
      if (metrics.hasGroupLabel) metric.remove(this.#labels)
    if (!onSamples) return
    const timeMs = clock.now()
    const ends = this.#rules.flatMap(({ series }) =>
      [...series.values()].map(labels => ({ labels, timeMs, value: 'stale' as const })),
    )
    if (ends.length > 0) await onSamples(this.placed.tenant, ends).catch(() => undefined)
  }

  #schedule(slotMs: number): void {
    if (this.#isStopped) return
    const { clock, intervalMs, metrics } = this.#options
    this.#timer = setTimeout(
      () => {
        const lateMs = Math.max(0, clock.now() - slotMs)
        metrics.lateness.observe(lateMs / 1000)
        metrics.iterations.inc(this.#labels)
        this.#running = this.evaluate(slotMs).finally(() => {
          this.#running = undefined
          const next = slotMs + intervalMs
          const lastMs = Math.max(next, slotBefore(clock.now(), intervalMs, this.#phaseMs))
          const missed = (lastMs - next) / intervalMs
          if (missed > 0) {
            metrics.missed.inc(this.#labels, missed)
            metrics.iterations.inc(this.#labels, missed)
          }
          this.#schedule(lastMs)
        })
      },
      Math.max(0, slotMs - clock.now()),
    )
    this.#timer.unref()
  }

  /** Evaluates all rules at one time, in order. Never rejects: failures are in the state of the rules. */
  async evaluate(timeMs: number): Promise<void> {
    const { metrics, turn } = this.#options
    const started = performance.now()
    let samples = 0
    for (const run of this.#rules) {
      if (this.#isStopped) return
      const begun = performance.now()
      const evaluatedMs = this.#options.clock.now()
      metrics.evaluations.inc(this.#labels)
      let error: Error | undefined
      try {
        samples += await turn(() => this.#evaluateRule(run, timeMs))
      } catch (caught) {
        error = caught as Error
        metrics.failures.inc(this.#labels)
        if (error.message !== run.status.lastError)
          this.#options.onFailure(this.placed, run.rule, error)
      }
      const seconds = (performance.now() - begun) / 1000
      metrics.ruleSeconds.observe({ user: this.placed.tenant }, seconds)
      const lastError = error?.message ?? ''
      run.status = { health: error ? 'err' : 'ok', lastError, evaluatedMs, seconds }
    }
    this.#evaluatedMs = timeMs
    this.#seconds = (performance.now() - started) / 1000
    metrics.groupSeconds.observe({ user: this.placed.tenant }, this.#seconds)
    metrics.lastEvaluation.set(this.#labels, timeMs / 1000)
    metrics.lastDuration.set(this.#labels, this.#seconds)
    metrics.lastSamples.set(this.#labels, samples)
  }

  /** Returns the number of samples. */
  async #evaluateRule(run: RuleRun, timeMs: number): Promise<number> {
    const { group } = this.placed
    const { context } = this.#options
    const nowNs = BigInt(timeMs) * 1_000_000n
    const timeNs = nowNs - BigInt(group.queryOffsetMs ?? 0) * 1_000_000n
    const { rule } = run
    if (rule.kind === 'record') {
      const found = await findSeries(rule, group, { ...context, timeNs })
      await this.#write(run, found, timeNs)
      return found.length
    }
    const found = await findAlerts(rule, run.templates!, { ...context, timeNs, nowNs })
    const times = this.#timesOf(rule)
    try {
      run.machine.update(found, timeMs, times)
    } catch (error) {
      // Beyond its limit, a rule has no alerts any more, and a restart must not bring them back.
      this.#save(run, timeMs)
      throw error
    }
    const { resendDelayMs, intervalMs } = this.#options
    const validMs = timeMs + 4 * Math.max(intervalMs, resendDelayMs)
    const sent = run.machine.all
      .filter(alert => needsSending(alert, timeMs, resendDelayMs))
      .map(alert => ({ ...alert, sentMs: timeMs, validMs }))
    run.machine.replace(sent)
    // Stored before anybody is told, so that no receiver knows an alert that a restart forgets.
    this.#save(run, timeMs)
    if (sent.length > 0) this.#options.onAlerts({ placed: this.placed, rule, alerts: sent })
    await this.#tellHooks(run, timeMs)
    const samples = seriesOfAlerts(run.machine.active, Number(timeNs / 1_000_000n))
    await this.#write(run, samples, timeNs)
    return samples.length
  }

  async #tellHooks(run: RuleRun, timeMs: number): Promise<void> {
    const { tellHooks } = this.#options
    if (!tellHooks) return
    const alerts = run.machine.all.filter(({ state, told }) =>
      state === 'inactive' ? told === 'firing' : state === 'firing' && told !== 'firing',
    )
    if (alerts.length === 0) return
    // Not awaited: a webhook that does not answer must not hold up the group.
    void tellHooks({ placed: this.placed, rule: run.rule, alerts }).then(told => {
      if (told.length === 0) return
      const current = new Map(run.machine.all.map(alert => [formatLabelSet(alert.labels), alert]))
      run.machine.replace(
        told.flatMap(alert => {
          const now = current.get(formatLabelSet(alert.labels))
          const isSame = now?.firedMs === alert.firedMs
          return isSame ? { ...now, told: alert.state === 'firing' ? 'firing' : 'resolved' } : []
        }),
      )
      try {
        this.#save(run, timeMs)
      } catch {
        // The next evaluation stores it, or fails and says so.
      }
    })
  }

  async #write(run: RuleRun, found: readonly WrittenSample[], timeNs: bigint): Promise<void> {
    const { onSamples } = this.#options
    if (!onSamples) return
    const series = new Map(found.map(({ labels }) => [formatLabelSet(labels), labels]))
    const timeMs = Number(timeNs / 1_000_000n)
    const ended = [...run.series]
      .filter(([key]) => !series.has(key))
      .map(([, labels]) => ({ labels, timeMs, value: 'stale' as const }))
    const samples = [...found, ...ended]
    if (samples.length > 0) await onSamples(this.placed.tenant, samples)
    run.series = series
  }

  #timesOf(rule: Rule): AlertTimes {
    const { limit } = this.placed.group
    if (rule.kind === 'record') return { forMs: 0, keepFiringMs: 0, limit }
    return { forMs: rule.forMs, keepFiringMs: rule.keepFiringMs, limit }
  }

  /** Stores what has changed, and the time, if the group has or had alerts. */
  #save(run: RuleRun, timeMs: number): void {
    const next = new Map(
      run.machine.all.map(alert => [formatLabelSet(alert.labels), JSON.stringify(alert)]),
    )
    if (next.size === 0 && run.stored.size === 0) return
    const changes: KeptAlert[] = []
    for (const [labels, alert] of next) {
      if (run.stored.get(labels) !== alert) changes.push({ rule: run.key, labels, alert })
    }
    for (const labels of run.stored.keys()) {
      if (!next.has(labels)) changes.push({ rule: run.key, labels, alert: undefined })
    }
    this.#options.kept.saveAlerts(this.key, timeMs, changes)
    run.stored = next
  }

  /** Makes the rules with the alerts that were stored before. */
  #restore(): RuleRun[] {
    const { kept, clock, intervalMs, toleranceMs, graceMs } = this.#options
    const { group } = this.placed
    const found = kept.alertsOf(this.key)
    const byRule = Map.groupBy(found?.alerts ?? [], ({ rule }) => rule)
    const counts = new Map<string, number>()
    const runs = group.rules.map(rule => {
      const name = `${rule.kind} ${rule.name} ${formatLabelSet(createLabelSet(labelsOfRule(group, rule)))}`
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      const key = count === 0 ? name : `${name} ${count}`
      const rows = byRule.get(key) ?? []
      const outage = { lastMs: found?.evaluatedMs ?? 0, nowMs: clock.now() }
      const alerts = rows.flatMap(({ alert }) => {
        const restored = JSON.parse(alert!) as Alert
        const times = { ...outage, intervalMs, toleranceMs, graceMs }
        return afterOutage(restored, this.#timesOf(rule), times) ?? []
      })
      return {
        rule,
        key,
        templates: rule.kind === 'alert' ? templatesOf(rule, group) : undefined,
        machine: new AlertMachine(rule.kind === 'alert' ? alerts : []),
        status: never,
        series: new Map(),
        stored: new Map(rows.map(({ labels, alert }) => [labels, alert!])),
      }
    })
    const known = new Set(runs.map(({ key }) => key))
    const gone = (found?.alerts ?? []).filter(({ rule }) => !known.has(rule))
    if (found && gone.length > 0) {
      const changes = gone.map(row => ({ ...row, alert: undefined }))
      kept.saveAlerts(this.key, found.evaluatedMs, changes)
    }
    return runs
  }
}

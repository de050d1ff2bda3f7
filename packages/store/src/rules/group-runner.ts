// Evaluates one group again and again, and keeps what its rules found.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import type { KeptAlert, KeptAlerts } from '../catalog/kept-rules.ts'
import { hookWaitMs } from '../limits.ts'
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
import { type GroupStatus, noOutcome, type RuleOutcome, ruleKeys } from './group-status.ts'
import { type HookAnswer, type HookWish, heardBy, unheardHooks } from './heard-alerts.ts'
import { settlesWithin } from './pause.ts'
import { phaseOf, slotBefore } from './phase.ts'
import { groupKey, type PlacedGroup, type Rule } from './rule.ts'
import type { GroupState } from './rule-store.ts'
import type { RulerMetrics } from './ruler-metrics.ts'
import type { WriteSample } from './write-request.ts'

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
  /** How long a gap may be before it is an outage, on top of two intervals. */
  readonly takeoverMs: number
  readonly context: RuleContext
  readonly state: GroupState
  readonly clock: { now(): number }
  readonly metrics: RulerMetrics
  /** Sends alerts whose state is stored. Must not throw. */
  readonly onAlerts: (alerts: AlertsToSend) => void
  /** Tells the webhooks about alerts of an evaluation. Each promise says what one of them has taken, and never rejects. */
  readonly tellHooks: (alerts: AlertsToSend) => readonly Promise<HookAnswer>[]
  readonly hooks: readonly HookWish[]
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
  machine: AlertMachine
  status: RuleOutcome
  /** Series of the last evaluation, which are marked as ended when they are gone. */
  series: ReadonlyMap<string, LabelSet>
  /** Alerts as they are stored. */
  stored: Map<string, string>
}

/** How a group stops. `stays`: it goes on here; `moved`: another process goes on; `gone`: nobody does. */
export type StopReason = 'stays' | 'moved' | 'gone'

/** One group of rules. Open it with `GroupRunner.open`. */
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
  /** Saves wait for each other, so that an older one never comes last. */
  #saving: Promise<void> = Promise.resolve()
  /** Answers of webhooks that are not stored yet. */
  readonly #telling = new Set<Promise<void>>()
  /** Time of the newest evaluation that is stored, as far as this process knows. */
  #storedMs = 0
  /** Whether a save has failed, so that nobody knows what is stored. */
  #isDoubtful = false

  /** Opens a group with the alerts that are stored. @throws as `GroupState.load`. */
  static async open(placed: PlacedGroup, options: GroupRunnerOptions): Promise<GroupRunner> {
    const runner = new GroupRunner(placed, options)
    await runner.#restore()
    return runner
  }

  private constructor(placed: PlacedGroup, options: GroupRunnerOptions) {
    this.placed = placed
    this.key = groupKey(placed)
    this.#options = options
    this.#phaseMs = phaseOf(this.key, options.intervalMs)
    const { tenant, namespace, group } = placed
    this.#labels = options.metrics.hasGroupLabel
      ? { user: tenant, rule_group: `${namespace};${group.name}` }
      : { user: tenant }
    const keys = ruleKeys(group)
    this.#rules = group.rules.map((rule, i) => ({
      rule,
      key: keys[i]!,
      templates: rule.kind === 'alert' ? templatesOf(rule, group) : undefined,
      machine: new AlertMachine(),
      status: noOutcome,
      series: new Map(),
      stored: new Map(),
    }))
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
    const nowMs = clock.now()
    // The clock of the process that evaluated it before may be ahead.
    const isAhead = this.#storedMs > nowMs && this.#storedMs < nowMs + intervalMs
    const lastMs = isAhead ? this.#storedMs : nowMs
    this.#schedule(slotBefore(lastMs, intervalMs, this.#phaseMs) + intervalMs)
  }

  /** Begins no more evaluations, and takes what fails from now on for no failure of a rule. */
  prepareStop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Stops. Waits for an evaluation that runs. If the group is gone, its series end. */
  async stop(reason: StopReason): Promise<void> {
    this.prepareStop()
    await this.#running
    // The next process to evaluate the group should know what webhooks have taken.
    await settlesWithin(Promise.all(this.#telling), hookWaitMs)
    const { metrics, onSamples, clock, state } = this.#options
    if (reason === 'stays') return
    const { evaluations, failures, iterations, missed, interval, rules } = metrics
    const { lastEvaluation, lastDuration, lastSamples } = metrics
    for (const metric of [evaluations, failures, iterations, missed, interval, rules])
      if (metrics.hasGroupLabel) metric.remove(this.#labels)
    for (const metric of [lastEvaluation, lastDuration, lastSamples])
      if (metrics.hasGroupLabel) metric.remove(this.#labels)
    if (!onSamples || reason === 'moved') return
    const timeMs = clock.now()
    const ends = this.#rules.flatMap(({ series }) =>
      [...series.values()].map(labels => ({ labels, timeMs, value: 'stale' as const })),
    )
    if (ends.length === 0) return
    try {
      await onSamples(this.placed.tenant, ends)
      await state.finish({ evaluatedMs: timeMs, seconds: 0, rules: {} })
    } catch {
      // Servers take a series that is silent for five minutes for ended.
    }
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
    const { metrics, turn, state } = this.#options
    const started = performance.now()
    let samples = 0
    let stuck: Error | undefined
    for (const run of this.#rules) {
      if (this.#isStopped || !state.isCurrent) break
      const begun = performance.now()
      const evaluatedMs = this.#options.clock.now()
      metrics.evaluations.inc(this.#labels)
      let error: Error | undefined
      try {
        stuck ??= await this.#settleDoubt()
        if (stuck) throw stuck
        samples += await turn(() => this.#evaluateRule(run, timeMs))
      } catch (caught) {
        error = caught as Error
        // Another process has the group, and its own word about the rule.
        if (state.lost.aborted) return
        if (this.#isStopped) break
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
    await this.#finish()
  }

  /** Stores how the evaluation went. */
  async #finish(): Promise<void> {
    const { state, onFailure } = this.#options
    const rules = Object.fromEntries(this.#rules.map(({ key, status }) => [key, status]))
    try {
      await state.finish({ evaluatedMs: this.#evaluatedMs, seconds: this.#seconds, rules })
    } catch (error) {
      const [first] = this.#rules
      if (!state.lost.aborted && first) onFailure(this.placed, first.rule, error as Error)
    }
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
      await this.#save(run, timeMs)
      throw error
    }
    const { resendDelayMs, intervalMs } = this.#options
    const validMs = timeMs + 4 * Math.max(intervalMs, resendDelayMs)
    const sent = run.machine.all
      .filter(alert => needsSending(alert, timeMs, resendDelayMs))
      .map(alert => ({ ...alert, sentMs: timeMs, validMs }))
    run.machine.replace(sent)
    // Stored before anybody is told, so that no receiver knows an alert that a restart forgets.
    await this.#save(run, timeMs)
    if (sent.length > 0) this.#options.onAlerts({ placed: this.placed, rule, alerts: sent })
    this.#tellHooks(run, timeMs)
    const samples = seriesOfAlerts(run.machine.active, Number(timeNs / 1_000_000n))
    await this.#write(run, samples, timeNs)
    return samples.length
  }

  #tellHooks(run: RuleRun, timeMs: number): void {
    const { tellHooks, hooks } = this.#options
    if (hooks.length === 0) return
    const alerts = run.machine.all.filter(alert => unheardHooks(alert, hooks).length > 0)
    if (alerts.length === 0) return
    // Not awaited: a webhook that does not answer must not hold up the group.
    for (const answer of tellHooks({ placed: this.placed, rule: run.rule, alerts })) {
      const telling = answer.then(async heard => {
        const changed = heardBy(run.machine.all, heard, hooks)
        if (changed.length === 0) return
        run.machine.replace(changed)
        // If it fails, the next evaluation stores it, or fails and says so.
        await this.#save(run, timeMs).catch(() => undefined)
      })
      this.#telling.add(telling)
      void telling.finally(() => this.#telling.delete(telling))
    }
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

  /** Stores what has changed, and the time, if the group has or had alerts. @throws as `GroupState.save`. */
  #save(run: RuleRun, timeMs: number): Promise<void> {
    const saved = this.#saving.then(() => this.#saveNow(run, timeMs))
    this.#saving = saved.catch(() => undefined)
    return saved
  }

  async #saveNow(run: RuleRun, timeMs: number): Promise<void> {
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
    this.#storedMs = Math.max(this.#storedMs, timeMs)
    try {
      await this.#options.state.save(this.#storedMs, changes)
      run.stored = next
    } catch (error) {
      this.#isDoubtful = true
      throw error
    }
  }

  /** After a save that failed, reads what is stored. Returns why it cannot. */
  async #settleDoubt(): Promise<Error | undefined> {
    if (!this.#isDoubtful) return undefined
    return this.#restore().then(
      () => undefined,
      (error: Error) => error,
    )
  }

  /** Goes on with the alerts that are stored. @throws as `GroupState.load`. */
  async #restore(): Promise<void> {
    await this.#saving
    const { state } = this.#options
    const found = await state.load()
    const byRule = Map.groupBy(found?.alerts ?? [], ({ rule }) => rule)
    for (const run of this.#rules) {
      const rows = byRule.get(run.key) ?? []
      run.machine = new AlertMachine(this.#restoredAlerts(run.rule, rows, found))
      run.stored = new Map(rows.map(({ labels, alert }) => [labels, alert!]))
    }
    this.#storedMs = found?.evaluatedMs ?? 0
    this.#isDoubtful = false
    const known = new Set(this.#rules.map(({ key }) => key))
    const gone = (found?.alerts ?? []).filter(({ rule }) => !known.has(rule))
    if (found && gone.length > 0) {
      const changes = gone.map(row => ({ ...row, alert: undefined }))
      await state.save(found.evaluatedMs, changes)
    }
  }

  #restoredAlerts(
    rule: Rule,
    rows: readonly KeptAlert[],
    found: KeptAlerts | undefined,
  ): readonly Alert[] {
    if (rule.kind !== 'alert') return []
    const { clock, ...times } = this.#options
    const outage = { ...times, lastMs: found?.evaluatedMs ?? 0, nowMs: clock.now() }
    return rows.flatMap(
      ({ alert }) => afterOutage(JSON.parse(alert!) as Alert, this.#timesOf(rule), outage) ?? [],
    )
  }
}

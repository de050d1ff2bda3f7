// The alerts of one rule: pending, firing, ended. As in Prometheus, each evaluation takes the samples of that moment, and
// the time decides what becomes of the alerts. Pure: it has no clock and no files.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import { RuleResultError } from '../errors.ts'
import { resolvedMs } from '../limits.ts'

export type AlertState = 'pending' | 'firing' | 'inactive'

/** One alert. Times are in milliseconds since 1970; 0 means never. */
export interface Alert {
  readonly labels: LabelSet
  readonly annotations: LabelSet
  readonly state: AlertState
  readonly value: number
  /** When its sample was there first. */
  readonly activeMs: number
  readonly firedMs: number
  readonly resolvedMs: number
  /** Since when its sample is gone while it fires on. */
  readonly keptSinceMs: number
  /** When it was last sent, and until when receivers believe it without another word. */
  readonly sentMs: number
  readonly validMs: number
  /** What the webhooks were told last. */
  readonly told: '' | 'firing' | 'resolved'
  /** Webhooks that know the state while others do not know it yet, as heard-alerts.ts writes them. */
  readonly heard?: readonly string[] | undefined
}

/** A sample of the rule, with the labels and annotations of its alert. */
export interface FoundAlert {
  readonly labels: LabelSet
  readonly annotations: LabelSet
  readonly value: number
}

export interface AlertTimes {
  readonly forMs: number
  readonly keepFiringMs: number
  /** Maximum number of pending and firing alerts; 0 for no limit. */
  readonly limit: number
}

/** The alerts of one rule. */
export class AlertMachine {
  #alerts: Map<string, Alert>

  constructor(alerts: Iterable<Alert> = []) {
    this.#alerts = new Map(Array.from(alerts, alert => [formatLabelSet(alert.labels), alert]))
  }

  /** All alerts, with those that ended lately. */
  get all(): readonly Alert[] {
    return [...this.#alerts.values()]
  }

  /** Pending and firing alerts. */
  get active(): readonly Alert[] {
    return this.all.filter(({ state }) => state !== 'inactive')
  }

  /**
   * Takes the samples of an evaluation.
   * @throws RuleResultError if two samples have the same labels, or there are too many. In the second case all alerts
   * are gone, as in Prometheus.
   */
  update(found: readonly FoundAlert[], nowMs: number, times: AlertTimes): void {
    const seen = new Map<string, FoundAlert>()
    for (const alert of found) {
      const key = formatLabelSet(alert.labels)
      if (seen.has(key)) {
        throw new RuleResultError(
          'vector contains metrics with the same labelset after applying alert labels',
        )
      }
      seen.set(key, alert)
    }
    const next = new Map<string, Alert>()
    let activeCount = 0
    for (const [key, alert] of this.#alerts) {
      const sample = seen.get(key)
      const changed =
        sample === undefined
          ? withoutSample(alert, nowMs, times)
          : alert.state === 'inactive'
            ? begin(sample, nowMs, times)
            : withSample(alert, sample, nowMs, times)
      if (changed) next.set(key, changed)
      if (changed && changed.state !== 'inactive') activeCount++
    }
    for (const [key, sample] of seen) {
      if (next.has(key)) continue
      next.set(key, begin(sample, nowMs, times))
      activeCount++
    }
    if (times.limit > 0 && activeCount > times.limit) {
      this.#alerts = new Map()
      throw new RuleResultError(`exceeded limit of ${times.limit} with ${activeCount} alerts`)
    }
    this.#alerts = next
  }

  /** Replaces some alerts by what has become of them. */
  replace(alerts: readonly Alert[]): void {
    for (const alert of alerts) {
      const key = formatLabelSet(alert.labels)
      if (this.#alerts.has(key)) this.#alerts.set(key, alert)
    }
  }
}

function begin(sample: FoundAlert, nowMs: number, times: AlertTimes): Alert {
  const pending: Alert = {
    ...sample,
    state: 'pending',
    activeMs: nowMs,
    ...{ firedMs: 0, resolvedMs: 0, keptSinceMs: 0, sentMs: 0, validMs: 0, told: '' },
  }
  return aged(pending, nowMs, times)
}

function withSample(
  alert: Alert,
  { value, annotations }: FoundAlert,
  nowMs: number,
  times: AlertTimes,
): Alert {
  return aged({ ...alert, value, annotations, keptSinceMs: 0 }, nowMs, times)
}

function withoutSample(alert: Alert, nowMs: number, times: AlertTimes): Alert | undefined {
  switch (alert.state) {
    case 'pending':
      return undefined
    case 'inactive':
      return nowMs - alert.resolvedMs > resolvedMs ? undefined : alert
    case 'firing': {
      const keptSinceMs = alert.keptSinceMs || nowMs
      if (times.keepFiringMs > 0 && nowMs - keptSinceMs < times.keepFiringMs)
        return aged({ ...alert, keptSinceMs }, nowMs, times)
      return { ...alert, state: 'inactive', resolvedMs: nowMs }
    }
  }
}

/** Lets an alert fire once it is old enough. If `for` has become longer, it is pending again. */
function aged(alert: Alert, nowMs: number, { forMs }: AlertTimes): Alert {
  const isOld = nowMs - alert.activeMs >= forMs
  if (alert.state === 'pending' && isOld) return { ...alert, state: 'firing', firedMs: nowMs }
  if (alert.state === 'firing' && !isOld)
    return { ...alert, state: 'pending', firedMs: 0, sentMs: 0, keptSinceMs: 0 }
  return alert
}

/** Returns true if an alert has to be sent: for the first time, again, or because it ended. */
export function needsSending(alert: Alert, nowMs: number, resendDelayMs: number): boolean {
  if (alert.state === 'pending') return false
  if (alert.sentMs === 0 || alert.resolvedMs > alert.sentMs) return true
  return alert.sentMs + resendDelayMs < nowMs
}

/** What an outage of the store means for alerts with `for`. */
export interface Outage {
  readonly lastMs: number
  readonly nowMs: number
  readonly intervalMs: number
  readonly toleranceMs: number
  readonly graceMs: number
  readonly takeoverMs: number
}

/**
 * Returns the alerts of a rule after an outage. One of up to two evaluations, or of a takeover, changes nothing. A longer one does not count
 * as time with the sample, and leaves at least the grace period. After one that is too long, alerts with `for` begin again.
 */
export function afterOutage(
  alert: Alert,
  { forMs }: AlertTimes,
  outage: Outage,
): Alert | undefined {
  const { lastMs, nowMs, intervalMs, toleranceMs, graceMs, takeoverMs } = outage
  // Receivers may have missed the last word before the stop, so it is sent again.
  const unsent = { ...alert, sentMs: 0 }
  const lengthMs = nowMs - lastMs
  if (forMs === 0 || lengthMs <= Math.max(2 * intervalMs, takeoverMs)) return unsent
  if (lengthMs > toleranceMs) return undefined
  if (alert.state !== 'pending' || forMs < graceMs) return unsent
  const leftMs = Math.max(forMs - (lastMs - alert.activeMs), graceMs)
  return { ...unsent, activeMs: nowMs - (forMs - leftMs) }
}

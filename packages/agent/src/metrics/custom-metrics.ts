// Metrics that pipelines define. Series appear with their first line and disappear when idle; two
// jobs may define the same metric and share it. The lanes of several clients take the same lines: of each
// series the n-th change counts once, when the first of them makes it.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Registry of the metrics that pipelines define. */
export interface CustomMetrics {
  readonly counter: (options: CustomMetricOptions) => CustomMetric
  readonly gauge: (options: CustomMetricOptions) => CustomMetric
  readonly histogram: (
    options: CustomMetricOptions & { buckets: readonly number[] },
  ) => CustomMetric
}

export interface CustomMetricOptions {
  readonly name: string
  readonly help: string
  /** A series that was idle for longer disappears. */
  readonly maxIdleMs: number
}

export type CustomMetricAction = 'inc' | 'dec' | 'set' | 'add' | 'sub' | 'observe'

export interface CustomMetric {
  /** Never goes down. */
  readonly isCounter: boolean
  /** A series without a change for so long is forgotten. */
  readonly maxIdleMs: number
  /** Makes a series at 0 where there is none, and keeps it. */
  begin(labels: Iterable<readonly [string, string]>): void
  /** The stage is gone; the metric goes with the last stage that has it. */
  release(): void
  update(
    labels: Iterable<readonly [string, string]>,
    action: CustomMetricAction,
    value: number,
  ): void
}

interface Series {
  readonly labels: ReadonlyMap<string, string>
  lastMs: number
  value: number
  sum: number
  count: number
  readonly buckets: number[]
  /** Changes that were counted, and those that each lane has made. */
  changes: number
  readonly lanes: Map<string, number>
}

type Kind = 'counter' | 'gauge' | 'histogram'

/** Custom metrics of all lanes. */
export interface SharedCustomMetrics {
  forLane(lane: string): CustomMetrics
  /** A lane has ended: what it counted stays. */
  endLane(lane: string): void
}

/** Makes the place for custom metrics in a registry. */
export function createCustomMetrics(registry: Registry, nowMs: () => number): SharedCustomMetrics {
  const families = new Map<string, Family>()
  const get = (kind: Kind, options: CustomMetricOptions, buckets: readonly number[] = []) => {
    let family = families.get(options.name)
    if (!family) {
      const { name } = options
      const onUnused = () => {
        families.delete(name)
        registry.removeSingleMetric(name)
      }
      family = new Family(kind, { ...options, buckets, nowMs, onUnused })
      families.set(name, family)
      family.register(registry)
    }
    return family
  }
  return {
    forLane: lane => ({
      counter: options => get('counter', options).use(lane),
      gauge: options => get('gauge', options).use(lane),
      histogram: options => get('histogram', options, options.buckets).use(lane),
    }),
    endLane: lane => {
      for (const family of families.values()) family.endLane(lane)
    },
  }
}

interface FamilyOptions extends CustomMetricOptions {
  readonly buckets: readonly number[]
  readonly nowMs: () => number
  /** Told when no stage has it any more. */
  readonly onUnused: () => void
}

class Family {
  readonly #kind: Kind
  readonly #options: FamilyOptions
  readonly #bounds: readonly number[]
  readonly #nowMs: () => number
  readonly #series = new Map<string, Series>()

  #users = 0
  readonly #lanes = new Set<string>()

  constructor(kind: Kind, options: FamilyOptions) {
    this.#kind = kind
    this.#options = options
    this.#bounds = options.buckets.toSorted((a, b) => a - b)
    this.#nowMs = options.nowMs
  }

  /** A stage of a lane has the metric. */
  use(lane: string): CustomMetric {
    this.#users++
    return {
      isCounter: this.#kind === 'counter',
      release: () => {
        if (--this.#users === 0) this.#options.onUnused()
      },
      maxIdleMs: this.#options.maxIdleMs,
      begin: labels => void this.#seriesOf(labels),
      update: (labels, action, value) => this.#update({ lane, labels, action, value }),
    }
  }

  endLane(lane: string): void {
    this.#lanes.delete(lane)
    for (const { lanes } of this.#series.values()) lanes.delete(lane)
  }

  #update(change: {
    readonly lane: string
    readonly labels: Iterable<readonly [string, string]>
    readonly action: CustomMetricAction
    readonly value: number
  }): void {
    const { lane, labels, action, value } = change
    const series = this.#seriesOf(labels)
    if (!this.#isFirst(series, lane)) return
    switch (action) {
      case 'set':
        series.value = value
        break
      case 'inc':
      case 'add':
        series.value += value
        break
      case 'dec':
      case 'sub':
        series.value -= value
        break
      case 'observe':
        series.sum += value
        series.count++
        for (const [i, bound] of this.#bounds.entries()) if (value <= bound) series.buckets[i]!++
        break
    }
  }

  /** Finds a series, or makes one at 0; it is in use now. */
  #seriesOf(labels: Iterable<readonly [string, string]>): Series {
    const visible = [...labels].filter(([name]) => !name.startsWith('__')).sort()
    const key = JSON.stringify(visible)
    let series = this.#series.get(key)
    if (!series) {
      const buckets = this.#bounds.map(() => 0)
      series = {
        ...{ labels: new Map(visible), lastMs: 0, value: 0, sum: 0, count: 0, buckets },
        ...{ changes: 0, lanes: new Map<string, number>() },
      }
      this.#series.set(key, series)
    }
    series.lastMs = this.#nowMs()
    return series
  }

  /** Tells whether a lane makes a change of a series that none has made before. */
  #isFirst(series: Series, lane: string): boolean {
    // One that takes the place of another goes on from there.
    const isOnly = this.#lanes.size === 0 || (this.#lanes.size === 1 && this.#lanes.has(lane))
    this.#lanes.add(lane)
    const count = (series.lanes.get(lane) ?? (isOnly ? series.changes : 0)) + 1
    series.lanes.set(lane, count)
    if (count <= series.changes) return false
    series.changes = count
    return true
  }

  /** Series whose last change is recent enough; the others are forgotten once they were shown. */
  #live(): Series[] {
    const nowMs = this.#nowMs()
    const all = [...this.#series]
    for (const [key, { lastMs }] of all) {
      if (nowMs - lastMs > this.#options.maxIdleMs) this.#series.delete(key)
    }
    return [...this.#series.values()]
  }

  /** Registers a prom-client metric that prints the series; label names differ from series to series. */
  register(registry: Registry): void {
    const { name, help } = this.#options
    const Metric = { counter: Counter, gauge: Gauge, histogram: Histogram }[this.#kind]
    const metric = new Metric({ name, help: help || name, registers: [registry] })
    const get = async () => ({
      ...{ name, help: help || name, type: this.#kind, aggregator: 'sum' },
      values: this.#live().flatMap(series => this.#print(series)),
    })
    // Histograms are printed by a method of their own.
    Object.assign(metric, { get, getForPromString: get })
  }

  #print(series: Series): object[] {
    const { name } = this.#options
    const labels = Object.fromEntries(series.labels)
    if (this.#kind !== 'histogram') return [{ value: series.value, labels }]
    const bucket = (le: number | string, value: number) => ({
      ...{ value, metricName: `${name}_bucket` },
      labels: { ...labels, le },
    })
    return [
      ...this.#bounds.map((bound, i) => bucket(bound, series.buckets[i]!)),
      bucket('+Inf', series.count),
      { value: series.sum, metricName: `${name}_sum`, labels },
      { value: series.count, metricName: `${name}_count`, labels },
    ]
  }
}

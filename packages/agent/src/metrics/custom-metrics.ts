// Metrics that pipelines define. A series appears with its first line and disappears when idle. Two jobs
// may define and share the same metric. The lanes of several clients process the same lines, so the n-th
// change of a series counts once, when the first lane makes it.

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
  /** A series idle for longer disappears. */
  readonly maxIdleMs: number
}

export type CustomMetricAction = 'inc' | 'dec' | 'set' | 'add' | 'sub' | 'observe'

export interface CustomMetric {
  /** True if the value never goes down. */
  readonly isCounter: boolean
  /** A series without a change for this long is forgotten. */
  readonly maxIdleMs: number
  /** Creates a series at 0 if it does not exist, and keeps it. */
  begin(labels: Iterable<readonly [string, string]>): void
  /** Releases the metric when its stage is gone. The metric disappears with its last stage. */
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
  /** Number of counted changes, and of changes by each lane. */
  changes: number
  readonly lanes: Map<string, number>
}

type Kind = 'counter' | 'gauge' | 'histogram'

/** Custom metrics of all lanes. */
export interface SharedCustomMetrics {
  forLane(lane: string): CustomMetrics
  /** Ends a lane. Its counts stay. */
  endLane(lane: string): void
}

/** Creates the custom metrics in a registry. */
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
  /** Called when no stage uses the metric any more. */
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

  /** Registers a use by a stage of a lane. */
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

  /** Returns a series, created at 0 if needed, and marks it as used. */
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

  /** Records a change of a series by a lane. Returns true if no other lane has made it yet. */
  #isFirst(series: Series, lane: string): boolean {
    // A lane that replaces another continues from its count.
    const isOnly = this.#lanes.size === 0 || (this.#lanes.size === 1 && this.#lanes.has(lane))
    this.#lanes.add(lane)
    const count = (series.lanes.get(lane) ?? (isOnly ? series.changes : 0)) + 1
    series.lanes.set(lane, count)
    if (count <= series.changes) return false
    series.changes = count
    return true
  }

  /** Returns the series that changed recently. Forgets the others once they have been shown. */
  #live(): Series[] {
    const nowMs = this.#nowMs()
    const all = [...this.#series]
    for (const [key, { lastMs }] of all) {
      if (nowMs - lastMs > this.#options.maxIdleMs) this.#series.delete(key)
    }
    return [...this.#series.values()]
  }

  /** Registers a prom-client metric that prints the series. Label names may differ between series. */
  register(registry: Registry): void {
    const { name, help } = this.#options
    const Metric = { counter: Counter, gauge: Gauge, histogram: Histogram }[this.#kind]
    const metric = new Metric({ name, help: help || name, registers: [registry] })
    const get = async () => ({
      ...{ name, help: help || name, type: this.#kind, aggregator: 'sum' },
      values: this.#live().flatMap(series => this.#print(series)),
    })
    // prom-client prints histograms through a separate method.
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

// The metrics stage: counts lines in user-defined metrics, one series per stream.

import {
  readBoolean,
  readDurationMs,
  readExtendedNumber,
  readList,
  readOneOf,
  readStrictText,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { parseGoDuration } from '@skald/go-dialect'
import { parseFloatText } from '@skald/go-dialect/number/conversions'
import { metricIdleMsDefault, metricIdleMsMin } from '../../limits.ts'
import type { LabelState } from '../../line/label-state.ts'
import type {
  CustomMetric,
  CustomMetricAction,
  CustomMetrics,
} from '../../metrics/custom-metrics.ts'
import type { PipelineEntry } from '../entry.ts'
import type { StageDefinition } from '../stage.ts'
import { valueText } from '../values.ts'

const defaultPrefix = 'promtail_custom_'
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

interface MetricRule {
  readonly create: (metrics: CustomMetrics) => CustomMetric
  readonly source: string
  readonly action: CustomMetricAction
  readonly matchAll: boolean
  readonly countsBytes: boolean
  /** Counts only lines with exactly this value. */
  readonly value: string | undefined
}

export const metricsStage: StageDefinition = {
  read(body) {
    const pairs = body.pairs()
    if (pairs.length === 0 && (body.isNull || body.isMap)) {
      return body.failContained('The metrics stage needs at least one metric')
    }
    const rules = pairs.map(({ key, value }) => readRule(key, value))
    return context => {
      const metrics = rules
        .filter(rule => rule !== undefined)
        .map(rule => ({
          rule,
          metric: rule.create(context.customMetrics),
          zeros: new Zeros(context.nowMs),
        }))
      return {
        run(entry, next) {
          for (const { rule, metric, zeros } of metrics) {
            if (!count(entry, rule, metric) && metric.isCounter) zeros.begin(entry.labels, metric)
          }
          next(entry)
        },
        close() {
          for (const { metric } of metrics) metric.release()
        },
      }
    }
  },
}

/**
 * Starts the counters of a stream at 0 with its first line that does not count. The first line that does
 * count is then an increase, which `rate` and `increase` see. The series stay while the stream has lines.
 */
class Zeros {
  readonly #nowMs: () => number
  readonly #begunMs = new WeakMap<LabelState, number>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  begin(labels: LabelState, metric: CustomMetric): void {
    const nowMs = this.#nowMs()
    if (nowMs - (this.#begunMs.get(labels) ?? Number.NEGATIVE_INFINITY) < metric.maxIdleMs / 2)
      return
    this.#begunMs.set(labels, nowMs)
    metric.begin(labels.entries())
  }
}

/** Counts a line. Returns true if it did. */
function count(entry: PipelineEntry, rule: MetricRule, metric: CustomMetric): boolean {
  const { action, matchAll, countsBytes, source, value } = rule
  if (matchAll) {
    // A whole line has no number to add.
    if (action !== 'inc' && !countsBytes) return false
    metric.update(entry.labels.entries(), action, action === 'inc' ? 1 : entry.lineBytes.length)
    return true
  }
  const extracted = entry.extracted.get(source)
  if (extracted === undefined || (value !== undefined && valueText(extracted) !== value)) {
    return false
  }
  if (action === 'inc' || action === 'dec') {
    metric.update(entry.labels.entries(), action, 1)
    return true
  }
  const number = numberOf(extracted)
  if (number === undefined) return false
  // A counter never goes down.
  if (action === 'add' && number < 0 && metric.isCounter) return false
  metric.update(entry.labels.entries(), action, number)
  return true
}

/** Reads a value as a number: a number, a numeric string, a duration in seconds, true as 1. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value !== 'string') return undefined
  try {
    return parseFloatText(value)
  } catch {
    // Not a number; it may be a duration.
  }
  try {
    return Number(parseGoDuration(value)) / 1e9
  } catch {
    // Neither a number nor a duration.
    return undefined
  }
}

function readRule(name: string, body: YamlCursor): MetricRule | undefined {
  const raw = body.record({
    type: readOneOf(['Counter', 'Gauge', 'Histogram'] as const, { ignoreCase: true }),
    description: readStrictText,
    source: readStrictText,
    prefix: readStrictText,
    max_idle_duration: readDurationMs,
    config: cursor => cursor,
  })
  if (!raw.type) {
    if (body.has('type')) return undefined
    return body.failAtKey(`Metric ${name} needs a type: Counter, Gauge or Histogram`)
  }
  const maxIdleMs = raw.max_idle_duration ?? metricIdleMsDefault
  if (maxIdleMs < metricIdleMsMin) {
    return body.failAtKey(`max_idle_duration of metric ${name} must be at least 1s`)
  }
  const fullName = `${raw.prefix || defaultPrefix}${name}`
  if (!metricName.test(fullName)) {
    return body.failAtKey(`${fullName} is not a valid metric name: use letters, digits and _`)
  }
  const options = { name: fullName, help: raw.description ?? '', maxIdleMs }
  const source = raw.source || name
  if (raw.type === 'Histogram') return readHistogram(raw.config, { options, source })
  const isCounter = raw.type === 'Counter'
  const config = raw.config?.record(
    isCounter
      ? {
          action: readOneOf(['inc', 'add'] as const, { ignoreCase: true }),
          value: readStrictText,
          match_all: readBoolean,
          count_entry_bytes: readBoolean,
        }
      : {
          action: readOneOf(['set', 'inc', 'dec', 'add', 'sub'] as const, { ignoreCase: true }),
          value: readStrictText,
        },
  ) as
    | {
        action?: CustomMetricAction
        value?: string
        match_all?: boolean
        count_entry_bytes?: boolean
      }
    | undefined
  if (!config?.action) {
    if (raw.config?.has('action')) return undefined
    return body.failAtKey(`Metric ${name} needs a config with an action`)
  }
  const {
    action,
    value,
    match_all: matchAll = false,
    count_entry_bytes: countsBytes = false,
  } = config
  if (matchAll && value !== undefined) {
    return body.failAtKey(`Metric ${name}: match_all counts every line, so value must be left out`)
  }
  if (countsBytes && (!matchAll || action !== 'add')) {
    return body.failAtKey(`Metric ${name}: count_entry_bytes needs match_all: true and action: add`)
  }
  const create = (metrics: CustomMetrics) =>
    isCounter ? metrics.counter(options) : metrics.gauge(options)
  return { create, source, action, matchAll, countsBytes, value }
}

/** Reads the bounds of buckets, which must increase. */
const readBuckets: ValueReader<number[]> = cursor => {
  let last = Number.NEGATIVE_INFINITY
  return readList(item => {
    const bound = readExtendedNumber(item)
    if (bound === undefined) return undefined
    if (bound <= last) {
      return item.fail(`Each bucket must be above the one before it: ${bound} comes after ${last}`)
    }
    last = bound
    return bound
  })(cursor)
}

// The default buckets of Prometheus's client.
const defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

function readHistogram(
  cursor: YamlCursor | undefined,
  of: {
    readonly options: { readonly name: string; readonly help: string; readonly maxIdleMs: number }
    readonly source: string
  },
): MetricRule {
  const config = cursor?.record({ buckets: readBuckets, value: readStrictText })
  const { buckets: given = [], value } = config ?? {}
  // The +Inf bucket always exists.
  const finite = given.filter(Number.isFinite)
  const buckets = given.length === 0 ? defaultBuckets : finite
  const create = (metrics: CustomMetrics) => metrics.histogram({ ...of.options, buckets })
  const rest = { source: of.source, action: 'observe' as const, value }
  return { create, ...rest, matchAll: false, countsBytes: false }
}

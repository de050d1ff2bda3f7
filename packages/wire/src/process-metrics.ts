// Metrics of the process itself: CPU, memory, event loop. prom-client measures the delay of the event loop with
// a timer of ten milliseconds, which costs an idle agent more CPU than a thousand idle files. This timer
// is slower.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import { lagSampleMs, unusedSampleMs } from './limits.ts'

type Delays = ReturnType<typeof monitorEventLoopDelay>

/** Name → what to read from the histogram, in nanoseconds with the timer's interval. */
const statistics: Readonly<Record<string, (delays: Delays) => number>> = {
  min: ({ min }) => min,
  max: ({ max }) => max,
  mean: ({ mean }) => mean,
  p50: delays => delays.percentile(50),
  p90: delays => delays.percentile(90),
  p99: delays => delays.percentile(99),
}

const nameOf = (statistic: string) => `nodejs_eventloop_lag_${statistic}_seconds`

/** Adds the metrics of this process to a registry. */
export function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: unusedSampleMs })
  replaceEventLoopLag(registry)
}

/**
 * Replaces prom-client's gauges of the delays since the last scrape. Those include the timer's interval,
 * these do not.
 */
function replaceEventLoopLag(registry: Registry): void {
  const delays = monitorEventLoopDelay({ resolution: lagSampleMs })
  delays.enable()
  for (const statistic of ['stddev', ...Object.keys(statistics)]) {
    registry.removeSingleMetric(nameOf(statistic))
  }
  const registers = [registry]
  const gauges = new Map<string, Gauge>()
  // The first gauge sets the others, which are read after it.
  const deviation = new Gauge({
    name: nameOf('stddev'),
    help: 'Delay of the event loop since the last scrape, standard deviation.',
    registers,
    collect() {
      const isEmpty = delays.count === 0
      deviation.set(isEmpty ? 0 : delays.stddev / 1e9)
      for (const [statistic, gauge] of gauges) {
        const lateMs = isEmpty ? 0 : statistics[statistic]!(delays) / 1e6 - lagSampleMs
        gauge.set(Math.max(0, lateMs) / 1000)
      }
      delays.reset()
    },
  })
  for (const statistic of Object.keys(statistics)) {
    const help = `Delay of the event loop since the last scrape, ${statistic}.`
    gauges.set(statistic, new Gauge({ name: nameOf(statistic), help, registers }))
  }
}

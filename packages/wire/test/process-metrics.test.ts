import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { test } from 'tap'
import { lagSampleMs } from '../src/limits.ts'
import { collectProcessMetrics } from '../src/process-metrics.ts'

test('the delay of the event loop is measured without the interval of its timer', async t => {
  const registry = new Registry()
  collectProcessMetrics(registry)
  const names = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']
  const read = async () => {
    const text = await registry.metrics()
    return Object.fromEntries(
      names.map(name => {
        const pattern = new RegExp(`^nodejs_eventloop_lag_${name}_seconds (.*)$`, 'm')
        return [name, Number(pattern.exec(text)?.[1])]
      }),
    )
  }
  await sleep(5 * lagSampleMs)
  const untilMs = performance.now() + 500
  while (performance.now() < untilMs) {}
  await sleep(2 * lagSampleMs)
  const busy = await read()
  t.ok(busy.max! > 0.3 && busy.max! < 5, `${busy.max}`)
  t.ok(busy.min! < busy.max! / 2, `${busy.min}`)
  t.ok(busy.p50! <= busy.p99! && busy.p99! <= busy.max! * 1.01)
  t.ok(busy.stddev! > 0)
  t.ok((await read()).max! < busy.max! / 2, 'each scrape starts over')
})

// What queries read from a bucket, counted: a store that has lost its disk answers each kind of query with few
// requests and few bytes, and the same query again with none. The bucket is a real server.

import { createHash } from 'node:crypto'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { startStore, type TestStore } from './harness.ts'
import { noBucket, startBucket } from './versitygw-process.ts'

const dayMs = 86_400_000
const days = 3
const linesPerDay = 20_000
const todayMs = Math.floor(Date.now() / dayMs) * dayMs
/** The first millisecond of a past day. */
const dayStartMs = (day: number) => todayMs - (days - day) * dayMs

function lineOf(day: number, i: number): string {
  const id = createHash('sha256').update(`${day} ${i}`).digest('hex')
  const customer = Number.parseInt(id.slice(0, 4), 16)
  return `level=info trace_id=${id.slice(8, 24)} msg="the order ${i} of customer ${customer} was placed" request="${id.slice(24, 28)}" warehouse=north-${i % 7} duration=${customer % 997}ms`
}

async function pushDay(store: TestStore, day: number): Promise<void> {
  const perPush = 5000
  for (let from = 0; from < linesPerDay; from += perPush) {
    const entries = Array.from({ length: perPush }, (_, i) => ({
      timestampNs: BigInt(dayStartMs(day) + (from + i) * 1000) * 1_000_000n,
      line: lineOf(day, from + i),
      structuredMetadata: [],
    }))
    const { status } = await store.push([{ labels: createLabelSet({ app: 'shop' }), entries }])
    if (status !== 204) throw new Error(`a push was answered ${status}`)
  }
}

interface Work {
  readonly requests: number
  readonly bytes: number
}

/** Asks a store that has nothing on its disk, and returns what it read from the bucket. */
async function ask(
  t: Test,
  store: TestStore,
  { query, count, more = {} }: { query: string; count: number; more?: Record<string, string> },
): Promise<Work> {
  const params = new URLSearchParams({
    query,
    start: String(dayStartMs(0) / 1000),
    end: String(todayMs / 1000),
    explain: 'true',
    ...more,
  })
  const { status, body } = await store.request(`/loki/api/v1/query_range?${params}`)
  t.equal(status, 200, query)
  const { data } = JSON.parse(body) as {
    data: {
      result: { values: [string | number, string][] }[]
      resultType: string
      stats: { skald: { bucket: Work } }
    }
  }
  const values = data.result.flatMap(one => one.values)
  const sum = values.reduce((total, [, value]) => total + Number(value), 0)
  t.equal(data.resultType === 'matrix' ? sum : values.length, count, `${query}: the answer`)
  return data.stats.skald.bucket
}

test('queries read little from the bucket, and nothing twice', { skip: noBucket }, async t => {
  const dir = t.testdir()
  const bucket = await startBucket(t, dir)
  const config = `${bucket.config}limits_config: {reject_old_samples: false, max_query_length: 0}
`
  const store = await startStore(t, { dir, config })
  for (let day = 0; day < days; day++) await pushDay(store, day)
  await store.request('/flush', { method: 'POST' })
  const objects = bucket.keys('skald/segments/')
  t.equal(objects.length, days, 'a segment for each day')
  const storedBytes = objects.reduce((sum, key) => sum + statSync(bucket.pathOf(key)).size, 0)
  t.ok(storedBytes > days * 300_000, `${storedBytes} bytes`)

  const startCold = async () => {
    await store.kill()
    rmSync(join(dir, 'store-data'), { recursive: true })
    await store.start()
  }
  const cold = async (question: Parameters<typeof ask>[2]): Promise<Work> => {
    await startCold()
    const first = await ask(t, store, question)
    t.same(await ask(t, store, question), { requests: 0, bytes: 0 }, 'again, from the disk')
    return first
  }

  // The end of each segment, which has its filters too.
  const absent = await cold({ query: '{app="shop"} |= "trace_id=0000000000000000"', count: 0 })
  t.ok(absent.requests <= days + 1, `${absent.requests} requests for a text that is nowhere`)
  t.ok(absent.bytes < storedBytes / 4, `${absent.bytes} of ${storedBytes} bytes`)

  const [needle] = /trace_id=\w+/.exec(lineOf(1, 4711))!
  const found = await cold({ query: `{app="shop"} |= "${needle}"`, count: 1 })
  t.ok(found.requests <= days + 2, `${found.requests} requests for one line`)
  t.ok(found.bytes < storedBytes / 3, `${found.bytes} of ${storedBytes} bytes`)

  const volume = await cold({
    query: 'sum by (level) (count_over_time({app="shop"} [1h]))',
    count: days * linesPerDay,
    more: { step: '3600' },
  })
  t.ok(volume.requests <= days + 1, `${volume.requests} requests for counts`)
  t.ok(volume.bytes < storedBytes / 4, `${volume.bytes} of ${storedBytes} bytes`)

  const latest = await cold({ query: '{app="shop"}', count: 100, more: { limit: '100' } })
  t.ok(latest.requests <= days + 2, `${latest.requests} requests for the latest lines`)
  t.ok(latest.bytes < storedBytes / 3, `${latest.bytes} of ${storedBytes} bytes`)

  const whole = await cold({
    query: 'sum(count_over_time({app="shop"} |= "9" [1h]))',
    count: Array.from({ length: days * linesPerDay }, (_, i) =>
      lineOf(Math.floor(i / linesPerDay), i % linesPerDay),
    ).filter(line => line.includes('9')).length,
    more: { step: '3600' },
  })
  t.ok(whole.requests <= 5 * days, `${whole.requests} requests for everything`)
  t.ok(whole.bytes <= storedBytes * 1.1, `${whole.bytes} of ${storedBytes} bytes`)
})

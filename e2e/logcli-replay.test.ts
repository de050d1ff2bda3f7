// Rows 91 to 93 of docs/clients.md: logcli's requests step by step, for machines without it. On
// machines with logcli, logcli.test.ts runs it.

import { createLabelSet } from '@skald/wire'
import { t as root, test } from 'tap'
import { askQuery, linesOf, type SeededStore, startSeeded } from './client-seed.ts'

root.setTimeout(170_000)

/** logcli identifies itself, and never requests categories. */
const logcli = { 'User-Agent': 'loki-logcli/3.4.6', 'X-Query-Tags': 'Source=logcli' }
const lineCount = 2500
const batch = 1000
let seed: SeededStore
let bounds: { readonly start: string; readonly end: string }
test('a store with 2,500 lines, several of a nanosecond', async t => {
  seed = await startSeeded(root, {
    dir: root.testdir(),
    config: 'compactor: {retention_enabled: true}\n',
  })
  const startNs = BigInt(seed.startMs) * 1_000_000n
  const streams = ['x', 'y'].map(app => ({
    labels: createLabelSet({ job: 'paging', app }),
    entries: Array.from({ length: lineCount / 2 }, (_, i) => ({
      // Seven lines of each stream share a nanosecond, so that batches end among equal times.
      timestampNs: startNs + BigInt(Math.floor(i / 7)),
      line: `line ${app} ${i}`,
    })),
  }))
  t.equal((await seed.store.push(streams)).status, 204)
  bounds = { start: String(startNs), end: String(startNs + BigInt(lineCount)) }
})

/** Pages through a query like logcli. Returns the lines that it prints. */
async function replay(direction: 'FORWARD' | 'BACKWARD'): Promise<string[]> {
  const printed: string[] = []
  let { start, end } = bounds
  let limit = batch
  /** Lines of the last time, which the next batch repeats. */
  let overlap: string[] = []
  for (;;) {
    const params = { query: '{job="paging"}', limit: String(limit), start, end, direction }
    const found = linesOf(await askQuery(seed, 'query_range', params, logcli))
    if (direction === 'BACKWARD') found.reverse()
    if (found.length === 0) return printed
    let news = 0
    for (const { line } of found) {
      if (overlap.includes(line)) continue
      printed.push(line)
      news++
    }
    if (news === 0) return printed
    const last = found.at(-1)!.timestampNs
    if (found.every(({ timestampNs }) => timestampNs === last) && found.length === limit) {
      throw new Error('Invalid batch size')
    }
    overlap = found.filter(({ timestampNs }) => timestampNs === last).map(({ line }) => line)
    if (direction === 'FORWARD') start = String(last)
    else end = String(last + 1n)
    limit = batch
    if (printed.length > lineCount) throw new Error('a line was printed twice')
  }
}

test('paging forward prints every line once', async t => {
  const printed = await replay('FORWARD')
  t.equal(printed.length, lineCount)
  t.equal(new Set(printed).size, lineCount)
})

test('paging backward prints every line once', async t => {
  const printed = await replay('BACKWARD')
  t.equal(printed.length, lineCount)
  t.equal(new Set(printed).size, lineCount)
})

test('logcli delete creates, lists and cancels', async t => {
  const ask = (method: string, params: Readonly<Record<string, string>>) =>
    seed.store.request(`/loki/api/v1/delete?${new URLSearchParams(params)}`, {
      method,
      headers: logcli,
    })
  const seconds = (ms: number) => String(Math.floor(ms / 1000))
  const created = await ask('POST', {
    query: '{job="paging"} |= "line x"',
    start: seconds(seed.startMs),
    end: seconds(seed.endMs),
    max_interval: '30m0s',
  })
  t.same([created.status, created.body], [204, ''])
  const { status, body } = await ask('GET', {})
  t.equal(status, 200)
  const list = JSON.parse(body) as Record<string, unknown>[]
  t.equal(list.length, 1)
  for (const name of ['start_time', 'end_time', 'created_at'])
    t.ok(Number.isInteger(list[0]![name]), name)
  t.match(list[0], { query: '{job="paging"} |= "line x"', status: 'received', request_id: String })
  const left = linesOf(
    await askQuery(seed, 'query_range', { query: '{job="paging"}', ...bounds, limit: '5000' }),
  )
  t.ok(left.length > 0)
  t.ok(left.every(({ line }) => line.startsWith('line y')))
  const cancelled = await ask('DELETE', { request_id: String(list[0]!.request_id), force: 'false' })
  t.equal(cancelled.status, 204)
  t.same(JSON.parse((await ask('GET', {})).body), [])
})

test('logcli detected-fields sends a step and a line limit', async t => {
  const params = {
    query: '{service_name="seed"}',
    limit: '100',
    line_limit: '1000',
    ...seed.range,
    step: '10s',
  }
  const { status, body } = await seed.ask('detected_fields', params, logcli)
  t.equal(status, 200)
  const { fields } = JSON.parse(body) as { fields: { label: string; type: string }[] }
  t.ok(fields.some(({ label, type }) => label === 'f' && type === 'duration'))
  const values = await seed.ask('detected_field/f/values', params, logcli)
  t.equal(values.status, 200)
})

test('labels, series, statistics and volumes are read by its types', async t => {
  const { start, end } = seed.range
  const names = await seed.json<{ data: string[] }>('labels', { start, end }, logcli)
  t.same(names.data, [...names.data].sort())
  const stats = await seed.json<Record<string, number>>(
    'index/stats',
    { query: '{service_name="seed"}', start, end },
    logcli,
  )
  for (const name of ['bytes', 'chunks', 'streams', 'entries']) t.ok(Number.isInteger(stats[name]))
  const volume = await seed.json<{ data: { result: { value: [number, string] }[] } }>(
    'index/volume',
    {
      query: '{service_name="seed"}',
      start,
      end,
      limit: '30',
      targetLabels: 'env',
      aggregateBy: 'labels',
    },
    logcli,
  )
  t.match(volume.data.result[0]!.value, [Number, /^\d+$/])
})

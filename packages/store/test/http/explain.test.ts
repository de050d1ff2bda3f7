// `explain=true`: what an answer says about its own making, and that the metrics count the same.

import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Test, test } from 'tap'
import type { Explanation } from '../../src/http/explain-json.ts'
import { jsonStream, midnightNs, type Row, startTestStore, type TestStore } from '../harness.ts'
import { readSegment, segmentNames } from '../segment-rows.ts'

const rangePath = '/loki/api/v1/query_range'
const instantPath = '/loki/api/v1/query'
const second = 1_000_000_000n
const at = (seconds: number) => midnightNs + BigInt(seconds) * second
const onDay = { start: String(at(0)), end: String(at(3600)) }
const streamCount = 8

interface Answer {
  readonly data: {
    readonly result: readonly unknown[]
    readonly stats: {
      readonly summary: { readonly execTime: number; readonly totalLinesProcessed: number }
      readonly skald?: Explanation
    }
  }
}

/** Starts a store with one merged segment: a block for each of eight streams, ten seconds apart. */
async function startFilled(t: Test, yaml = 'auth_enabled: false'): Promise<TestStore> {
  const store = await startTestStore(t, { yaml })
  const streams = Array.from({ length: streamCount }, (_, i) => {
    const rows = Array.from({ length: 40 }, (_row, n): Row => {
      return [at(10 * i) + BigInt(n), `request ${n} of needle-${i}-in-the-haystack took a while`]
    })
    return jsonStream({ app: i % 2 === 0 ? 'even' : 'odd', pod: `pod-${i}` }, rows)
  })
  await store.push(streams)
  await store.get('/flush')
  return store
}

async function ask(store: TestStore, query: string, params: Record<string, string> = {}) {
  const answer = await store.get(rangePath, { ...onDay, query, explain: 'true', ...params })
  const { data } = answer.json<Answer>()
  return { ...data.stats.skald!, resultCount: data.result.length, summary: data.stats.summary }
}

const none = {
  ...{ outOfRange: 0, otherStreams: 0, deleted: 0, filtered: 0 },
  ...{ counted: 0, fromCounts: 0, beyondLimit: 0, scanned: 0 },
}

test('a needle in several merged blocks: one is scanned, filters leave out the others', async t => {
  const store = await startFilled(t)
  const found = await ask(store, '{app=~".+"} |= "needle-3-in-the-haystack"')
  t.equal(found.resultCount, 1)
  t.same(found.blocks, { ...none, filtered: 7, scanned: 1 })
  t.same(found.filters, { asked: 8, falseHits: 0, damagedSegments: 0 })
  t.match(found, { scans: 1, scansShared: 0, streams: 8, segments: 1, threads: { count: 1 } })
  t.ok(found.bytes.filtersRead > 0, 'filters were read')
  t.ok(found.bytes.blocksRead > 0, 'a block was read')
  t.ok(found.bytes.decompressed >= 40 * 50, 'its lines were decompressed')
  const { segmentBytes } = await sizes(store)
  t.ok(found.bytes.blocksRead < segmentBytes / 2, 'the other blocks were not')
  const { streams, footers, filters, counts, scan, merge, rest } = found.seconds
  for (const [step, seconds] of Object.entries(found.seconds)) t.ok(seconds >= 0, step)
  const sum = streams + footers + filters + counts + scan + merge + rest
  t.ok(Math.abs(sum - found.summary.execTime) < 0.001, 'the steps add up to the whole time')
  t.ok(found.threads.scanCpuSeconds > 0)
  t.equal(found.threads.busiestScanCpuSeconds, found.threads.scanCpuSeconds)

  const nowhere = await ask(store, '{app=~".+"} |= "needle-99-in-the-haystack"')
  t.same(nowhere.blocks, { ...none, filtered: 8 })
  t.equal(nowhere.bytes.blocksRead, 0)
})

async function sizes(store: TestStore) {
  const [name] = await segmentNames(join(store.dir, 'segments'))
  const { bytes } = await readSegment(join(store.dir, 'segments'), name!)
  return { segmentBytes: bytes.length }
}

test('each block has one outcome', async t => {
  const store = await startFilled(t)
  const everything = '{app=~".+"} |~ "e.a"'
  t.same((await ask(store, everything)).blocks, { ...none, scanned: 8 })
  t.same(
    (await ask(store, everything, { start: String(at(25)) })).blocks,
    { ...none, outOfRange: 3, scanned: 5 },
    'blocks before the start',
  )
  t.same(
    (await ask(store, '{app="even"} |~ "e.a"')).blocks,
    { ...none, otherStreams: 4, scanned: 4 },
    'blocks of other streams',
  )
  t.same(
    (await ask(store, '{app="even"} |= "needle-4-in-the-haystack"', { start: String(at(15)) }))
      .blocks,
    { ...none, outOfRange: 2, otherStreams: 3, filtered: 2, scanned: 1 },
    'a stream of the selector without a line in the range is out of range',
  )
  t.same(
    (await ask(store, '{app=~".+"}', { limit: '5' })).blocks,
    { ...none, beyondLimit: 7, scanned: 1 },
    'the newest block has all entries',
  )
  t.same(
    (await ask(store, 'sum(count_over_time({app=~".+"}[1h]))', { step: '1h' })).blocks,
    { ...none, fromCounts: 8 },
    'counts of lines open no block',
  )
  const none0 = await ask(store, '{app="nosuch"}')
  t.match(none0, { blocks: none, streams: 0, segments: 0 }, 'a selector without streams')
})

test('deleted blocks are an outcome', async t => {
  const store = await startFilled(t, 'auth_enabled: false\ncompactor: {retention_enabled: true}')
  const params = new URLSearchParams({
    query: '{pod="pod-2"}',
    start: String(at(0) / second),
    end: String(at(3600) / second),
  })
  const url = `/loki/api/v1/delete?${params}`
  t.equal((await store.app.inject({ method: 'POST', url })).statusCode, 204)
  const { blocks } = await ask(store, '{app="even"} |= "haystack"')
  t.same(blocks, { ...none, otherStreams: 4, deleted: 1, scanned: 3 })
})

test('a false hit is a block that has all keys and no line', async t => {
  const store = await startTestStore(t)
  const rows: Row[] = [
    [at(0), 'the alphabet begins'],
    [at(1), 'the omnibus ends'],
  ]
  await store.push([
    jsonStream({ app: 'x' }, rows),
    jsonStream({ app: 'y' }, [[at(2), 'alphabet']]),
  ])
  await store.get('/flush')
  const missed = await ask(store, '{app=~".+"} |= "alphabet" |= "omnibus"')
  t.equal(missed.resultCount, 0)
  t.same(missed.filters, { asked: 2, falseHits: 1, damagedSegments: 0 })
  t.same(missed.blocks, { ...none, filtered: 1, scanned: 1 })
  const hit = await ask(store, '{app="x"} |= "alphabet"')
  t.equal(hit.filters.falseHits, 0)
  const counted = 'sum(count_over_time({app=~".+"} |= "alphabet" |= "omnibus" [1h]))'
  t.equal((await ask(store, counted, { step: '1h' })).filters.falseHits, 1, 'in a metric query')
  const metrics = (await store.get('/metrics')).body.split('\n')
  for (const line of [
    'skald_query_blocks_total{outcome="filtered"} 2',
    'skald_query_blocks_total{outcome="other_streams"} 1',
    'skald_query_blocks_total{outcome="out_of_range"} 0',
    'skald_query_blocks_total{outcome="scanned"} 3',
    'skald_filter_false_hits_total 2',
    'skald_damaged_filter_segments_total 0',
  ]) {
    t.ok(metrics.includes(line), line)
  }
})

test('fresh blocks have no filters, and are scanned', async t => {
  const store = await startTestStore(t)
  await store.push([jsonStream({ app: 'x' }, [[at(0), 'hay'.repeat(100)]])])
  const { blocks, filters, bytes } = await ask(store, '{app="x"} |= "needle"')
  t.same(blocks, { ...none, scanned: 1 })
  t.same(filters, { asked: 0, falseHits: 0, damagedSegments: 0 })
  t.ok(bytes.blocksRead >= 300)
  t.equal(bytes.decompressed, 0, 'level 0 is not compressed')
})

test('the numbers of all parts of a query are added up', async t => {
  const store = await startFilled(t)
  const part = (pod: number) =>
    `sum(count_over_time({app=~".+"} |= "needle-${pod}-in-the-haystack" [1h]))`
  const query = `${part(3)} / (${part(4)} + ${part(3)})`
  const answer = await store.get(instantPath, { query, time: String(at(3600)), explain: '1' })
  const { skald } = answer.json<Answer>().data.stats
  t.match(skald, { scans: 2, streams: 16, segments: 2, threads: { count: 1 } })
  t.same(skald!.blocks, { ...none, filtered: 14, scanned: 2 }, 'the repeated part is read once')
})

test('an answer is the same with and without an explanation, apart from it', async t => {
  const store = await startFilled(t)
  const queries: [path: string, params: Record<string, string>][] = [
    [rangePath, { ...onDay, query: '{app="odd"} |= "needle-3-in-the-haystack"' }],
    [rangePath, { ...onDay, query: 'rate({app="odd"}[1m])' }],
    [instantPath, { query: 'sum(count_over_time({app="odd"}[1h]))', time: String(at(3600)) }],
  ]
  for (const [path, params] of queries) {
    const plain = await store.get(path, params)
    const { stats } = plain.json<Answer>().data
    t.same(Object.keys(stats), ['summary', 'querier', 'ingester', 'cache', 'index'])
    for (const explain of ['false', '0', '', 'yes']) {
      const other = await store.get(path, { ...params, explain })
      t.equal(timeless(other.body), timeless(plain.body), `explain=${explain}`)
    }
    const explained = (await store.get(path, { ...params, explain: 'true' })).body
    const { skald } = (JSON.parse(explained) as Answer).data.stats
    const text = `,"skald":${JSON.stringify(skald)}`
    t.ok(explained.includes(text))
    t.equal(timeless(explained.replace(text, '')), timeless(plain.body))
  }
})

test('the older path and forms take explain as well, other routes do not', async t => {
  const store = await startFilled(t)
  const params = { ...onDay, query: '{pod="pod-3"} |= "haystack"', explain: 'true' }
  const older = await store.get('/api/prom/query', params)
  t.match(older.json(), { stats: { skald: { blocks: { ...none, otherStreams: 7, scanned: 1 } } } })
  const form = await store.app.inject({
    method: 'POST',
    url: rangePath,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams(params).toString(),
  })
  t.match(form.json(), { data: { stats: { skald: { blocks: { scanned: 1 } } } } })
  const volume = await store.get('/loki/api/v1/index/volume', { ...params, query: '{pod="pod-3"}' })
  t.equal(volume.statusCode, 200)
  t.notMatch(volume.body, 'skald')
})

/** Leaves out the three numbers of an answer that depend on time. */
function timeless(body: string): string {
  return body.replace(/"(execTime|bytesProcessedPerSecond|linesProcessedPerSecond)":[\d.e-]+/g, '')
}

test('a damaged filter is logged and counted once for its segment', async t => {
  const store = await startFilled(t)
  const directory = join(store.dir, 'segments')
  const [name] = await segmentNames(directory)
  const { footer, bytes } = await readSegment(directory, name!)
  const [record] = footer.parts[0]!.filters
  const offsetBytes = record!.offsetBytes + record!.headBytes
  const file = await openFile(join(directory, name!), 'r+')
  await file.write(Buffer.from([~bytes[offsetBytes]! & 0xff]), 0, 1, offsetBytes)
  await file.close()
  for (const pod of [3, 4, 5]) {
    const found = await ask(store, `{app=~".+"} |= "needle-${pod}-in-the-haystack"`)
    t.equal(found.resultCount, 1, 'the answer is complete')
    t.same(found.blocks, { ...none, scanned: 8 })
    t.same(found.filters, { asked: 0, falseHits: 0, damagedSegments: 1 })
  }
  const warnings = store.messages().filter(message => message.includes('filters of a segment'))
  t.equal(warnings.length, 1)
  const { body } = await store.get('/metrics')
  t.ok(body.split('\n').includes('skald_damaged_filter_segments_total 1'))
})

test('damaged counts are logged and counted once for their segment', async t => {
  const store = await startFilled(t)
  const directory = join(store.dir, 'segments')
  const [name] = await segmentNames(directory)
  const { footer, bytes } = await readSegment(directory, name!)
  const query = 'sum by (detected_level) (count_over_time({app=~".+"}[1h]))'
  const before = await ask(store, query, { step: '1h' })
  t.same(before.counts, { segments: 1, damagedSegments: 0 })
  t.ok(before.bytes.countsRead > 0)
  t.equal(before.bytes.blocksRead, 0)
  const { offsetBytes } = footer.parts[0]!.counts[0]!
  const file = await openFile(join(directory, name!), 'r+')
  await file.write(Buffer.from([~bytes[offsetBytes]! & 0xff]), 0, 1, offsetBytes)
  await file.close()
  for (const step of ['1h', '30m']) {
    const found = await ask(store, query, { step })
    t.equal(found.resultCount, before.resultCount)
    t.same(found.counts, { segments: 0, damagedSegments: 1 })
    t.same(found.blocks, { ...none, counted: 8 })
  }
  const warnings = store.messages().filter(message => message.includes('counts of a segment'))
  t.equal(warnings.length, 1)
  const { body } = await store.get('/metrics')
  t.ok(body.split('\n').includes('skald_damaged_count_segments_total 1'))
})

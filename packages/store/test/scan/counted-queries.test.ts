// Queries that count lines have the same answers from counts as from the lines. One tenant's lines stay at
// level 0, which has no counts; the other tenant's are merged, all but the last push.

import { open as openFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nsPerMs } from '@skald/go-dialect'
import { defaultQueryLimits, parseLogQuery, type QueryResult, runQuery } from '@skald/query'
import { parseLabelSet } from '@skald/wire'
import { type Test, test } from 'tap'
import { catalogPartsOf } from '../../src/catalog/catalog-parts.ts'
import { createDeleteRule, type DeleteRule } from '../../src/deletes/delete-rule.ts'
import { createLogSource } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import type { SegmentFooter } from '../../src/segment/format.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, type Labels, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'
import { createRandom, type TestRandom } from '../segment/filter/random-lines.ts'
import { encodeFooter } from '../segment-rows.ts'

const plain = 'plain'
const merged = 'merged'
const second = 1_000_000_000n
const minute = 60n * second

interface Batch {
  readonly labels: Labels
  readonly rows: readonly Row[]
}

interface Times {
  readonly startNs: bigint
  readonly endNs: bigint
  readonly stepNs: bigint
  /** 0 for a grid that begins at the start, wherever it is. */
  readonly splitNs?: bigint
}

/**
 * Opens a store whose tenants `plain` and `merged` have the same lines. Each list of pushes of `merged` becomes
 * a segment, and the last list stays at level 0.
 */
async function open(
  t: Test,
  lists: readonly (readonly (readonly Batch[])[])[],
  { hasCounts = true } = {},
) {
  const storage = await openStorage(t)
  const { catalog, segments, segmentsDir } = storage
  const footers = new Map<string, SegmentFooter>()
  for (const [i, list] of lists.entries()) {
    for (const batches of list) {
      const streams = batches.map(({ labels, rows }) => acceptedStream(labels, rows))
      await storage.push(plain, ...streams)
      await storage.push(merged, ...streams)
    }
    if (i === lists.length - 1) break
    const parts = await catalog.listParts('level0')
    const inputs = parts.filter(({ tenant }) => tenant === merged).map(({ name }) => name)
    const name = segmentName(storage.nextSequence(), 1)
    const written = await mergeFiles(storage, inputs, { name, tenant: merged })
    const { footer } = written
    const sizeBytes = hasCounts
      ? written.sizeBytes
      : await withoutCounts(join(segmentsDir, name), footer)
    footers.set(name, footer)
    const { level, sequence, version } = footer
    const entered = catalogPartsOf(footer, parseLabelSet)
    await catalog.addSegments(
      [{ name, level, sequence, version, sizeBytes, createdMs: 1, parts: entered }],
      inputs,
    )
  }
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, 1)
  t.teardown(() => pool.close())
  const damages: string[] = []
  const ask = (tenant: string, logql: string, times: Times, rules: readonly DeleteRule[] = []) => {
    const { startNs, endNs, stepNs, splitNs = 0n } = times
    const source = createLogSource(tenant, {
      ...{ catalog, segments, pool, runs: new SharedRuns(), rulesFor: () => rules },
      onDamage: (segment, thing, damage) => damages.push(`${segment}: ${thing}: ${damage}`),
    })
    const request = {
      ...{ logql, startNs, endNs, stepNs, intervalNs: 0n, isInstant: stepNs === 0n },
      ...{ limit: 5000, direction: 'forward' as const },
      limits: { ...defaultQueryLimits, splitQueriesByIntervalNs: splitNs },
    }
    return runQuery(request, source, new AbortController().signal)
  }
  return { ...storage, footers, ask, damages }
}

/** Rewrites a segment as Skald wrote it before it had counts. Returns its size. */
async function withoutCounts(path: string, footer: SegmentFooter): Promise<number> {
  const parts = footer.parts.map(part => ({
    ...{ ...part, counts: [] },
    filters: part.filters.map(filter => ({ ...filter, hasNames: false })),
  }))
  const older = encodeFooter({ ...footer, parts })
  const { offsetBytes } = footer.parts[0]!.counts[0]!
  const bytes = Buffer.concat([(await readFile(path)).subarray(0, offsetBytes), older])
  await writeFile(path, bytes)
  return bytes.length
}

/** What clients see of a result, in the order of labels. */
function seen(result: QueryResult): string {
  const { stats, ...rest } = result
  return JSON.stringify(rest, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`
    if (!Array.isArray(value)) return value
    const texts = value.map(one => JSON.stringify(one, bigintText))
    return value.every(one => typeof one === 'object' && one && 'labels' in one)
      ? texts.sort()
      : value
  })
}

const bigintText = (_key: string, value: unknown) =>
  typeof value === 'bigint' ? `${value}n` : value

const levels = ['error', 'info', 'warn', 'debug', 'unknown']

/** Makes rows from a minute on: some exactly at the edges of minutes, some at equal times. */
function randomRows(random: TestRandom, fromMinute: number, minutes: number): Row[] {
  const times: bigint[] = []
  for (let n = 5 + random.below(60); n > 0; n--) {
    const edge = midnightNs + BigInt(fromMinute + random.below(minutes)) * minute
    const within = BigInt(random.below(60_000)) * nsPerMs + BigInt(random.below(3))
    times.push(edge + random.pick([0n, 0n, 1n, -1n, within, within, within, within]))
  }
  const hasNames = random.below(3) === 0
  return times
    .filter(time => time >= midnightNs)
    .sort((a, b) => Number(a - b))
    .map((time, i): Row => {
      const level = random.pick(levels.slice(0, 1 + random.below(5)))
      const line = `${i} ${random.below(4) === 0 ? '' : `level=${level}`} ${'x'.repeat(random.below(40))}`
      const given: Record<string, string> = {
        ...(random.below(4) === 0 && { detected_level: level }),
        ...(hasNames && { level: random.pick(['a', 'b']), pod: `p${random.below(3)}` }),
        ...(hasNames && random.below(2) === 0 && { app: 'inner' }),
      }
      return [time, line, given]
    })
}

/** Labels of a few streams. One has a label that is also the name of levels. */
function randomLabels(stream: number): Labels {
  return {
    app: `app-${stream % 3}`,
    ...(stream % 4 === 1 && { pod: `pod-${stream}` }),
    ...(stream === 5 && { level: 'warn' }),
    ...(stream === 6 && { detected_level: 'fixed' }),
    id: String(stream),
  }
}

const pipelines = [
  ...['', '', '| drop __error__', '| drop __error__, __error_details__', '|= ``', '|~ `.*`'],
  ...['| detected_level="error"', '| detected_level=~"error|warn"', '| detected_level!="info"'],
  ...['| detected_level="error" or app="app-1"', '| drop __error__ | detected_level="warn"'],
  ...['| detected_level_extracted="info"', '| level="warn"', '| pod="p1"', '| app="app-1"'],
  ...['| drop detected_level', '| keep detected_level, app', '| drop detected_level="error"'],
  ...['| drop pod', '| app_extracted="inner"', '| detected_level=""', '|= "level=error"'],
]
const functions = ['count_over_time', 'rate', 'bytes_over_time', 'bytes_rate', 'absent_over_time']
const groupings = [
  ...['sum by (level, detected_level)', 'sum by (detected_level)', 'sum', 'sum by (app)', ''],
  ...['sum by (pod, detected_level)', 'sum without (id)', 'max by (app)', 'sum without (pod, id)'],
  ...['count by (detected_level)', 'sum by (app_extracted)'],
]

/** A range aggregation, with the length of its windows. */
function randomQuery(random: TestRandom, rangeText: string): string {
  const range = `${random.pick(functions)}({app=~".+"} ${random.pick(pipelines)} [${rangeText}]`
  const offset = random.below(5) === 0 ? ' offset 90s' : ''
  const grouping = random.pick(groupings)
  return grouping === '' ? `${range}${offset})` : `${grouping} (${range}${offset}))`
}

/** Times whose windows cut minutes or not. */
function randomTimes(random: TestRandom): { readonly times: Times; readonly range: string } {
  const [range, rangeNs] = random.pick([
    ['1m', minute],
    ['5m', 5n * minute],
    ['1h', 60n * minute],
    ['90s', 90n * second],
    ['10s', 10n * second],
    ['7m', 7n * minute],
  ] as const)
  const stepNs = random.pick([rangeNs, rangeNs, minute, 5n * minute, 77n * second, 0n])
  const isAligned = random.below(3) > 0
  const startNs =
    midnightNs + BigInt(random.below(200)) * minute + (isAligned ? 0n : 1234n * nsPerMs)
  const endNs = startNs + BigInt(1 + random.below(240)) * minute
  return {
    times: { startNs, endNs, stepNs, splitNs: random.below(2) === 0 ? 60n * minute : 0n },
    range,
  }
}

function randomRules(random: TestRandom): DeleteRule[] {
  if (random.below(3) > 0) return []
  const query = random.pick([
    '{app="app-1"}',
    '{id="2"} |= "level=error"',
    '{app=~".+"} | detected_level="warn"',
  ])
  const startMs = Number(midnightNs / nsPerMs) + random.below(200) * 60_000 + random.below(3) * 777
  const rule = { id: random.hex(4), log: parseLogQuery(query) }
  return [createDeleteRule(rule, { startMs, endMs: startMs + random.below(3_600_000) })]
}

test('queries that count lines have the same answers from counts', async t => {
  const random = createRandom(16)
  const push = (fromMinute: number, minutes: number) =>
    Array.from({ length: 8 }, (_, stream) => stream)
      .filter(() => random.below(5) > 0)
      .map(stream => ({
        labels: randomLabels(stream),
        rows: randomRows(random, fromMinute, minutes),
      }))
  const repeated = push(60, 20)
  const { ask, footers } = await open(t, [
    [push(0, 4), push(1, 3), repeated],
    [push(80, 100), push(180, 10)],
    [push(55, 10), repeated],
    [push(190, 5)],
    [push(196, 3)],
  ])
  const blocks = [...footers.values()].flatMap(({ parts }) => parts[0]!.blocks)
  t.ok(blocks.length > 15, `${blocks.length} blocks`)
  let differences = 0
  let fromCounts = 0
  let opened = 0
  for (let n = 0; n < 200; n++) {
    const { times, range } = randomTimes(random)
    const query = randomQuery(random, range)
    const rules = randomRules(random)
    const [expected, actual] = await Promise.all([
      ask(plain, query, times, rules),
      ask(merged, query, times, rules),
    ])
    if (expected.stats.blocksFromCounts > 0) t.fail('level 0 has no counts')
    fromCounts += actual.stats.blocksFromCounts
    opened += actual.stats.blocksScanned + actual.stats.blocksCounted
    if (seen(actual) !== seen(expected) && differences++ < 3) {
      const text = JSON.stringify({ times, rules }, bigintText)
      t.equal(seen(actual), seen(expected), `${query} has another answer from counts: ${text}`)
    }
  }
  t.equal(differences, 0)
  t.ok(fromCounts > 300, `${fromCounts} blocks were answered from counts`)
  t.ok(opened > 300, `${opened} blocks were opened`)
})

/** One block of an hour for each of three streams: every second a line, every minute an error. */
function hour(stream: number): Batch {
  const random = createRandom(stream)
  const rows = Array.from({ length: 3600 }, (_, i): Row => {
    const level = i % 60 === 7 ? 'error' : 'info'
    return [midnightNs + BigInt(i + 1) * second, `level=${level} request ${i} ${random.hex(16)}`]
  })
  return { labels: { app: 'web', id: String(stream) }, rows }
}

const volume =
  'sum by (level, detected_level) (count_over_time({app="web"} |= `` | drop __error__ [1m]))'
const hours: Times = {
  startNs: midnightNs + minute,
  endNs: midnightNs + 60n * minute,
  stepNs: minute,
}

test("Grafana's volume histogram opens no block", async t => {
  const { ask } = await open(t, [[[0, 1, 2].map(hour)], []])
  const result = await ask(merged, volume, hours)
  t.equal(seen(result), seen(await ask(plain, volume, hours)))
  t.match(result.stats, { blocksFromCounts: 3, segmentsFromCounts: 1, blocksScanned: 0 })
  t.match(result.stats, { blocksCounted: 0, bytesDecompressed: 0, blockBytesRead: 0 })
  t.ok(result.stats.countBytesRead > 0)
})

test('where a window cuts a minute, only the blocks with that minute are read', async t => {
  const early = hour(0)
  const late = {
    labels: { app: 'web', id: 'late' },
    rows: early.rows.map(([time, line]): Row => [time + 60n * minute, line]),
  }
  const { ask } = await open(t, [[[early, late]], []])
  const query = 'sum by (detected_level) (count_over_time({app="web"}[90m]))'
  const times = (endNs: bigint): Times => ({ startNs: endNs, endNs, stepNs: 0n })
  const whole = await ask(merged, query, times(midnightNs + 90n * minute))
  t.match(whole.stats, { blocksFromCounts: 2, blocksScanned: 0, blocksCounted: 0 })
  const cutEnd = times(midnightNs + 90n * minute - 1n)
  const cut = await ask(merged, query, cutEnd)
  t.match(cut.stats, { blocksFromCounts: 1, blocksCounted: 1 }, 'the last second of a minute')
  t.equal(seen(cut), seen(await ask(plain, query, cutEnd)))
})

test('a segment from before counts is read, and answers the same', async t => {
  const { ask, footers } = await open(t, [[[0, 1].map(hour)], []], { hasCounts: false })
  const [footer] = [...footers.values()]
  t.equal(footer!.version, 2)
  const result = await ask(merged, volume, hours)
  t.match(result.stats, { blocksFromCounts: 0, blocksCounted: 2, countsDamaged: 0 })
  t.equal(seen(result), seen(await ask(plain, volume, hours)))
})

test('a block with deleted lines is read', async t => {
  const { ask } = await open(t, [[[hour(0)]], []])
  const rules = [
    createDeleteRule(
      { id: 'a', log: parseLogQuery('{app="web"} |= "request 7 "') },
      { startMs: Number(midnightNs / nsPerMs), endMs: Number((midnightNs + minute) / nsPerMs) },
    ),
  ]
  const result = await ask(merged, volume, hours, rules)
  t.match(result.stats, { blocksFromCounts: 0, blocksCounted: 1 }, 'a delete request hides a line')
  t.equal(seen(result), seen(await ask(plain, volume, hours, rules)))
})

test('damaged counts cost time, never an answer', async t => {
  const { ask, footers, segmentsDir, damages } = await open(t, [[[0, 1, 2].map(hour)], []])
  const expected = seen(await ask(plain, volume, hours))
  const [[name, footer] = []] = footers
  const { offsetBytes, storedBytes } = footer!.parts[0]!.counts[0]!
  const file = await openFile(join(segmentsDir, name!), 'r+')
  for (const at of [0, storedBytes >> 1, storedBytes - 1]) {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offsetBytes + at)
    await file.write(Buffer.from([byte[0]! ^ 0x10]), 0, 1, offsetBytes + at)
    const result = await ask(merged, volume, hours)
    t.equal(seen(result), expected)
    t.match(result.stats, { blocksFromCounts: 0, countsDamaged: 1, blocksCounted: 3 })
    await file.write(byte, 0, 1, offsetBytes + at)
  }
  await file.close()
  t.equal(damages.length, 3)
  t.match(damages[0], /: counts: counts are damaged/)
  t.match((await ask(merged, volume, hours)).stats, { blocksFromCounts: 3, countsDamaged: 0 })
})

test('filters say which blocks a delete request cannot touch', async t => {
  const named = (stream: number): Batch => {
    const { labels, rows } = hour(stream)
    const [[time, line] = [0n, ''], ...rest] = rows
    return { labels, rows: [[time, `${line} needle-${stream}-in-the-haystack`], ...rest] }
  }
  const { ask } = await open(t, [[[0, 1, 2, 3].map(named)], []])
  const log = parseLogQuery('{app="web"} |= "needle-2-in-the-haystack"')
  const startMs = Number(midnightNs / nsPerMs)
  const rules = [createDeleteRule({ id: 'a', log }, { startMs, endMs: startMs + 3_600_000 })]
  const result = await ask(merged, volume, hours, rules)
  t.match(result.stats, { blocksFromCounts: 3, blocksCounted: 1 })
  t.equal(seen(result), seen(await ask(plain, volume, hours, rules)))
  const times = { ...hours, startNs: midnightNs }
  const found = await ask(merged, '{app="web"} |= "in-the-haystack"', times, rules)
  const lines = found.kind === 'streams' ? found.entries.map(({ line }) => line) : []
  const needles = lines.map(line => line.match(/needle-\d/)?.[0])
  t.same(needles.sort(), ['needle-0', 'needle-1', 'needle-3'])
})

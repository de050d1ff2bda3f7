import { mkdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Direction,
  defaultQueryLimits,
  type LogSource,
  parseLogQuery,
  parseSelector,
  type QueryResult,
  runQuery,
  type ScanStats,
} from '@skald/query'
import { type Test, test } from 'tap'
import type { SegmentInfo } from '../../src/catalog/catalog.ts'
import { createLogSource, type SourceResult } from '../../src/scan/log-source.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { SharedRuns } from '../../src/scan/shared-runs.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { mergeFiles } from '../merge-files.ts'

const second = 1_000_000_000n
const at = (seconds: number) => midnightNs + BigInt(seconds) * second
const row = (seconds: number, line: string): Row => [at(seconds), line]

interface QueryOptions {
  readonly from?: bigint
  readonly to?: bigint
  readonly limit?: number
  readonly direction?: Direction
  readonly tenant?: string
  readonly signal?: AbortSignal
}

async function open(t: Test, threads = 1) {
  const storage = await openStorage(t)
  const { segmentsDir, catalog, segments } = storage
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: ['level'] }, threads)
  t.teardown(() => pool.close())
  const source = (tenant = 'a'): LogSource =>
    createLogSource(tenant, { catalog, segments, pool, runs: new SharedRuns() })
  const query = (logql: string, options: QueryOptions = {}): Promise<QueryResult> => {
    const { from = midnightNs, to = midnightNs + dayNs, limit = 1000 } = options
    const { direction = 'forward', tenant, signal = new AbortController().signal } = options
    const request = {
      logql,
      startNs: from,
      endNs: to,
      stepNs: 3600n * second,
      intervalNs: 0n,
      limit,
      direction,
      isInstant: false,
      limits: defaultQueryLimits,
    }
    return runQuery(request, source(tenant), signal)
  }
  const lines = async (logql: string, options?: QueryOptions) => {
    const result = await query(logql, options)
    return result.kind === 'streams' ? result.entries.map(({ line }) => line) : result.kind
  }
  /** Returns the value of a metric query at one time. */
  const count = async (logql: string, time: bigint) => {
    const request = {
      logql,
      startNs: time,
      endNs: time,
      stepNs: 0n,
      intervalNs: 0n,
      limit: 100,
      direction: 'forward' as const,
      isInstant: true,
      limits: defaultQueryLimits,
    }
    const result = await runQuery(request, source(), new AbortController().signal)
    return result.kind === 'vector' ? result.samples.map(({ value }) => value) : result.kind
  }
  return { ...storage, pool, query, lines, count }
}

test('lines come in the requested direction, up to the limit', async t => {
  const { push, lines } = await open(t)
  for (let i = 0; i < 6; i++) {
    await push(
      'a',
      acceptedStream({ app: String(i % 2) }, [row(i, `${i}`), row(i + 10, `${i + 10}`)]),
    )
  }
  const all = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15].map(String)
  t.same(await lines('{app=~".+"}'), all)
  t.same(await lines('{app=~".+"}', { direction: 'backward' }), all.toReversed())
  t.same(await lines('{app=~".+"}', { limit: 3 }), ['0', '1', '2'])
  t.same(await lines('{app=~".+"}', { limit: 3, direction: 'backward' }), ['15', '14', '13'])
  t.same(await lines('{app="1"} |= "1"', { limit: 2 }), ['1', '11'])
  t.same(await lines('{app="none"}'), [])
})

test('a range includes its start and excludes its end', async t => {
  const { push, lines } = await open(t)
  await push(
    'a',
    acceptedStream(
      { app: 'x' },
      [1, 2, 3, 4].map(i => row(i, `${i}`)),
    ),
  )
  t.same(await lines('{app="x"}', { from: at(2), to: at(3) }), ['2'])
  t.same(await lines('{app="x"}', { from: at(2) + 1n, to: at(3) + 1n }), ['3'])
  t.same(await lines('{app="x"}', { from: at(4) + 1n }), [])
  t.same(await lines('{app="x"}', { from: at(0), to: at(1) }), [])
})

test('lines of several days come in order', async t => {
  const { push, lines } = await open(t)
  const border = midnightNs + dayNs
  await push(
    'a',
    acceptedStream({ app: 'x' }, [
      [border, 'first'],
      [border - 1n, 'last'],
    ]),
  )
  await push(
    'a',
    acceptedStream({ app: 'x' }, [
      [border + dayNs, 'day after'],
      [midnightNs, 'start'],
    ]),
  )
  const to = border + 2n * dayNs
  t.same(await lines('{app="x"}', { to }), ['start', 'last', 'first', 'day after'])
  t.same(await lines('{app="x"}', { to, limit: 2, direction: 'backward' }), ['day after', 'first'])
  t.same(await lines('{app="x"}', { to: border }), ['start', 'last'])
})

test('a duplicate across segments counts once, in log and metric queries, immediately', async t => {
  const { push, lines, count } = await open(t)
  const batch = acceptedStream({ app: 'x' }, [row(1, 'one'), row(2, 'two'), row(2, 'two too')])
  for (let i = 0; i < 3; i++) await push('a', batch)
  await push('a', acceptedStream({ app: 'x' }, [row(2, 'two'), row(3, 'three')]))
  await push('a', acceptedStream({ app: 'y' }, [row(1, 'one')]))
  t.same(await lines('{app="x"}'), ['one', 'two', 'two too', 'three'])
  t.same(await count('count_over_time({app="x"}[1h])', at(3600)), [4])
  t.same(await count('bytes_over_time({app="x"}[1h])', at(3600)), [3 + 3 + 7 + 5])
  t.same(await count('count_over_time({app="x"} |= "two"[1h])', at(3600)), [2])
  t.same(await count('sum(count_over_time({app=~".+"}[1h]))', at(3600)), [5])
})

test('a duplicate of a compacted row counts once', async t => {
  const storage = await open(t)
  const { push, lines, count, catalog, segmentsDir } = storage
  const batch = acceptedStream({ app: 'x' }, [row(1, 'one'), row(2, 'two')])
  await push('a', batch)
  const merged = segmentName(50, 1)
  const { footer, sizeBytes } = await mergeFiles(storage, [segmentName(1, 0)], { name: merged })
  const { minNs, maxNs } = footer.parts[0]!.blocks[0]!
  const part = { tenant: 'a', day: 20_000, minNs, maxNs, rowCount: 2, lineBytes: 6, streams: [] }
  const head = { name: merged, level: 1, sequence: 1, version: 2, sizeBytes, createdMs: 1 }
  const entered = { ...head, parts: [part] }
  await catalog.addSegments([entered], [segmentName(1, 0)])
  await rm(join(segmentsDir, segmentName(1, 0)))
  await push('a', batch)
  t.same(await lines('{app="x"}'), ['one', 'two'])
  t.same(await count('count_over_time({app="x"}[1h])', at(3600)), [2])
})

test('tenants see only their own lines', async t => {
  const { push, lines } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'of a')]))
  await Promise.all([
    push('a', acceptedStream({ app: 'x' }, [row(2, 'of a too')])),
    push('b', acceptedStream({ app: 'x' }, [row(2, 'of b')])),
  ])
  t.same(await lines('{app="x"}'), ['of a', 'of a too'])
  t.same(await lines('{app="x"}', { tenant: 'b' }), ['of b'])
  t.same(await lines('{app="x"}', { tenant: 'c' }), [])
})

test('a scan over many blocks on several threads gives the same result as one thread', async t => {
  const { push, lines, count } = await open(t, 2)
  for (let i = 0; i < 12; i++) {
    const rows = Array.from({ length: 200 }, (_, k) =>
      row(i * 200 + k, `${i * 200 + k} ${'z'.repeat(9000)}`),
    )
    await push('a', acceptedStream({ app: String(i % 4) }, rows))
  }
  const found = await lines('{app=~".+"} |= "9 z"')
  const wanted = Array.from({ length: 2400 }, (_, i) => i).filter(i => i % 10 === 9)
  t.same(found.toString().match(/\d+(?= )/g), wanted.map(String))
  t.same(await count('sum(count_over_time({app=~".+"}[1h]))', at(3599)), [2400])
})

test('a signal that aborted before or during a scan ends it with its reason', async t => {
  const { push, query, lines } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'one')]))
  const fired = AbortSignal.abort(new Error('too late'))
  await t.rejects(query('{app="x"}', { signal: fired }), { message: 'too late' })
  const controller = new AbortController()
  const running = query('{app="x"}', { signal: controller.signal })
  setImmediate(() => controller.abort(new Error('went away')))
  await t.rejects(running, { message: 'went away' })
  t.same(await lines('{app="x"}'), ['one'], 'the next scan is answered')
})

test('an error in a scan thread reaches the caller with its code', async t => {
  const { push, query, lines, segmentsDir } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'one')]))
  await push('a', acceptedStream({ app: 'y' }, [row(1, 'other')]))
  const path = join(segmentsDir, segmentName(1, 0))
  await rm(path)
  await mkdir(path)
  await t.rejects(query('{app="x"} |= "one"'), { code: 'EISDIR', syscall: 'read' })
  t.same(await lines('{app="y"}'), ['other'], 'other segments are answered')
})

test('an answer lacks damaged blocks, and a warning says so', async t => {
  const { push, query, lines, segmentsDir } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'one')]))
  await push('a', acceptedStream({ app: 'x' }, [row(2, 'two')]))
  await truncate(join(segmentsDir, segmentName(1, 0)), 10)
  t.same(await lines('{app="x"} |~ "one|two"'), ['two'])
  const { warnings } = await query('{app="x"} |~ "one|two"')
  t.equal(warnings.length, 1)
  t.match(
    warnings[0],
    /^lines are missing: Cannot read segment 0000000000000001-0.seg at byte \d+: checksum of /,
  )
  const counted = await query('sum(count_over_time({app="x"} |= "o" [1d]))')
  t.match(counted.warnings, [/^lines are missing: Cannot read segment 0000000000000001-0.seg/])
})

test('a segment whose file is gone for good is named in a warning, not waited for', async t => {
  const { push, query, lines, segmentsDir } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'one')]))
  await push('a', acceptedStream({ app: 'x' }, [row(2, 'two')]))
  await rm(join(segmentsDir, segmentName(1, 0)))
  t.same(await lines('{app="x"}'), ['two'])
  const { warnings } = await query('{app="x"}')
  t.match(warnings, [/^lines are missing: ENOENT: .*0000000000000001-0.seg/])
})

test('equal queries share a scan, but never reuse a result from before a push', async t => {
  const { catalog, segments, pool, push } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'first')]))
  const runs = new SharedRuns<SourceResult>()
  const source = (tenant: string) => createLogSource(tenant, { catalog, segments, pool, runs })
  const leaf = {
    kind: 'logs',
    log: parseLogQuery('{app="x"}'),
    matchers: parseSelector('{app="x"}'),
    startNs: midnightNs,
    endNs: midnightNs + dayNs,
    direction: 'forward',
    limit: 10,
  } as const
  const { signal } = new AbortController()
  const asked = [source('a').select(leaf, signal), source('a').select({ ...leaf }, signal)]
  t.equal(runs.size, 1)
  asked.push(source('a').select({ ...leaf, limit: 11 }, signal))
  t.equal(runs.size, 2, 'another limit is another query')
  asked.push(source('b').select(leaf, signal))
  t.equal(runs.size, 3, 'another tenant as well')
  const [{ name, sizeBytes }] = (await catalog.listSegments()) as [SegmentInfo]
  const footer = await segments.footer(name, sizeBytes)
  const before = runs.size
  segments.commit(name, footer)
  asked.push(source('a').select(leaf, signal))
  t.equal(runs.size, before + 1, 'a commit has come since')
  await Promise.all(asked)
  t.equal(runs.size, 0)
})

test('a query that joins a scan has its numbers, and the scan counts once', async t => {
  const { catalog, segments, pool, push } = await open(t)
  await push('a', acceptedStream({ app: 'x' }, [row(1, 'one'), row(2, 'two')]))
  const works: ScanStats[] = []
  const source = createLogSource('a', {
    ...{ catalog, segments, pool, runs: new SharedRuns() },
    onWork: stats => works.push(stats),
  })
  const leaf = {
    kind: 'logs',
    log: parseLogQuery('{app="x"} |= "two"'),
    matchers: parseSelector('{app="x"}'),
    startNs: midnightNs,
    endNs: midnightNs + dayNs,
    direction: 'forward',
    limit: 10,
  } as const
  const { signal } = new AbortController()
  const [own, joined] = await Promise.all([
    source.select(leaf, signal),
    source.select({ ...leaf }, signal),
  ])
  t.match(own.stats, { leaves: 1, leavesShared: 0, blocksScanned: 1, linesMatched: 1 })
  t.same(joined.stats, { ...own.stats, leavesShared: 1 })
  t.same(works, [own.stats])
})

test('the numbers say how many threads scanned, and what each needed', async t => {
  const { push, query } = await open(t, 2)
  for (let i = 0; i < 20; i++) {
    const rows = Array.from({ length: 1000 }, (_, n) => row(1000 * i + n, 'x'.repeat(1000)))
    await push('a', acceptedStream({ app: 'x' }, rows))
  }
  const { stats } = await query('sum(count_over_time({app="x"} |= "y" [1d]))')
  t.equal(stats.scanThreads, 2)
  t.equal(stats.blocksScanned, 20)
  t.ok(stats.blockBytesRead > 20_000_000)
  t.ok(stats.scanCpuMs > 0)
  t.ok(stats.scanCpuMostMs < stats.scanCpuMs, 'both threads worked')
  t.ok(stats.scanCpuMostMs >= stats.scanCpuMs / 2, 'the busiest worked most')
})

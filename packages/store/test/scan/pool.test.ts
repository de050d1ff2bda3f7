import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Leaf, type LogLeaf, parseLogQuery, parseLogql, type SampleLeaf } from '@skald/query'
import tap, { type Test, test } from 'tap'
import { Lease } from '../../src/memory/lease.ts'
import { createLedger, type LedgerData, MemoryLedger } from '../../src/memory/ledger.ts'
import type { BlockRef } from '../../src/scan/messages.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { readSegment } from '../segment-rows.ts'

const never = new AbortController().signal

// Threads do not keep a process alive; in a store, connections do.
const alive = setInterval(() => {}, 1000)
tap.teardown(() => clearInterval(alive))

/** Opens a pool over one segment with one block, and a scan for its first lines. */
async function open(
  t: Test,
  rows: readonly Row[] = [[midnightNs, 'one']],
  { ledger, heapBytes }: { ledger?: LedgerData; heapBytes?: number } = {},
) {
  const { push, segmentsDir } = await openStorage(t)
  await push('a', acceptedStream({ app: 'x' }, rows))
  const name = segmentName(1, 0)
  const { footer } = await readSegment(segmentsDir, name)
  const leaf: LogLeaf = {
    kind: 'logs',
    log: parseLogQuery('{app="x"}'),
    matchers: [{ name: 'app', op: '=', value: 'x' }],
    startNs: midnightNs,
    endNs: midnightNs + dayNs,
    direction: 'forward',
    limit: 10,
  }
  const record = footer.parts[0]!.blocks[0]!
  const groups = [[{ segment: name, labels: 0, index: 0, record }]]
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: [], ledger }, 1, {
    heapBytes,
  })
  t.teardown(() => pool.close())
  return { pool, job: { leaf, labelsTexts: ['{app="x"}'], groups } }
}

const mib = 1024 * 1024

function numberedRows(count: number): Row[] {
  return Array.from({ length: count }, (_, i) => [midnightNs + BigInt(i), `n=${i}`] as const)
}

/** Counts lines by everything that a pipeline makes of them. */
function countingLeaf(stages: string): SampleLeaf {
  const range = parseLogql(`count_over_time({app="x"} ${stages} [1d])`)
  if (range.kind !== 'range') throw new TypeError(range.kind)
  return {
    kind: 'samples',
    range,
    matchers: range.log.matchers,
    startNs: midnightNs,
    endNs: midnightNs + dayNs,
    grid: { startNs: midnightNs + dayNs, stepNs: dayNs, count: 1 },
    maxSeries: 1_000_000,
  }
}

test('a scan returns its result, even without blocks', async t => {
  const { pool, job } = await open(t)
  t.equal((await pool.run(job, never)).stats.linesProcessed, 1)
  t.equal((await pool.run({ ...job, groups: [] }, never)).stats.linesProcessed, 0)
})

test('no file stays open after the last scan', async t => {
  const { pool, job } = await open(t)
  await Promise.all([pool.run(job, never), pool.run(job, never)])
  const directory = '/proc/self/fd'
  const targets = readdirSync(directory).map(descriptor => {
    try {
      return readlinkSync(join(directory, descriptor))
    } catch {
      // The descriptor was closed meanwhile, or it is the listing's own.
      return ''
    }
  })
  t.same(
    targets.filter(target => target.includes('.seg')),
    [],
    'deleted segments give their space back',
  )
})

test('scans share the threads', async t => {
  const { pool, job } = await open(t)
  const results = await Promise.all(Array.from({ length: 20 }, () => pool.run(job, never)))
  t.same(
    results.map(({ stats }) => stats.linesProcessed),
    results.map(() => 1),
  )
})

test('a thread that ends rejects its waiting scans and is replaced', async t => {
  const { pool, job } = await open(t)
  await pool.run(job, never)
  const waiting = t.rejects(pool.run(job, never), { message: 'a scan thread ended' })
  await pool.close()
  await waiting
  t.equal((await pool.run(job, never)).stats.linesProcessed, 1)
})

test('a cancelled scan leaves the thread to the others', async t => {
  const { pool, job } = await open(t)
  const controller = new AbortController()
  const cancelled = t.rejects(pool.run(job, controller.signal), { message: 'went away' })
  const other = pool.run(job, never)
  controller.abort(new Error('went away'))
  await cancelled
  t.equal((await other).stats.linesProcessed, 1)
  await t.rejects(pool.run(job, controller.signal), { message: 'went away' })
})

test('a cancelled scan ends in the middle of its task', async t => {
  const rows = Array.from({ length: 2000 }, (_, i) => [midnightNs + BigInt(i), `n=${i}`] as const)
  const { pool, job } = await open(t, rows)
  const [[block]] = job.groups as [[BlockRef]]
  // One block that looks large, then a task that would keep the thread busy for minutes.
  const large = { ...block, record: { ...block.record, lineBytes: 8 * 1024 * 1024 } }
  const groups = [[large], ...Array.from({ length: 1000 }, () => [block])]
  const slow = '| label_format a=`{{ __line__ | repeat 2000 | replace "1" "22" | upper | len }}`'
  const log = parseLogQuery(`{app="x"} ${slow.repeat(3)} | a="never"`)
  const leaf = { ...job.leaf, log }
  const controller = new AbortController()
  const cancelled = t.rejects(pool.run({ ...job, leaf, groups }, controller.signal), {
    message: 'went away',
  })
  await setTimeout(1000)
  controller.abort(new Error('went away'))
  await cancelled
  t.equal((await pool.run(job, never)).stats.linesProcessed, 2000)
})

test('errors thrown by a thread keep their name, message and code', async t => {
  const { pool, job } = await open(t)
  const gone = [[{ ...job.groups[0]![0]!, segment: segmentName(9, 0) }]]
  await t.rejects(pool.run({ ...job, groups: gone }, never), {
    name: 'Error',
    code: 'ENOENT',
    message: /ENOENT: no such file or directory/,
  })
  const tooMany: Leaf = {
    kind: 'volume',
    matchers: job.leaf.matchers,
    startNs: midnightNs,
    endNs: midnightNs + dayNs,
    grid: { startNs: midnightNs, stepNs: dayNs, count: 1 },
    grouping: { by: 'values', names: undefined },
    maxSeries: 0,
  }
  await t.rejects(pool.run({ ...job, leaf: tooMany }, never), { code: 'LIMIT_EXCEEDED' })
  t.equal((await pool.run(job, never)).stats.linesProcessed, 1, 'the thread keeps working')
})

test('a scan that fills the heap of its thread ends with a clear error; others can begin again', async t => {
  const rows = numberedRows(400)
  const ledger = createLedger(100 * mib, 200 * mib)
  const { pool, job } = await open(t, rows, { ledger, heapBytes: 48 * mib })
  const large = countingLeaf('| label_format a=`{{ __line__ | repeat 200000 | upper }}`')
  const refused = t.rejects(pool.run({ ...job, leaf: large }, never), {
    code: 'QUERY_MEMORY',
    message: /\(max_memory is 200 MiB\), and this query needs more than a scan thread may have/,
  })
  const other = t.rejects(pool.run(job, never), { code: 'SCAN_THREAD_ENDED' })
  await Promise.all([refused, other])
  t.equal((await pool.run(job, never)).stats.linesProcessed, 400, 'a new thread works')
})

test('a scan that keeps more than there is ends with a clear error, and its thread goes on', async t => {
  const data = createLedger(mib, 200 * mib)
  const ledger = new MemoryLedger(data)
  const { pool, job } = await open(t, numberedRows(20_000), { ledger: data })
  const lease = new Lease(ledger)
  const pass = { lease: lease.data, makeRoom: async () => {} }
  await t.rejects(pool.run({ ...job, leaf: countingLeaf('| logfmt'), pass }, never), {
    name: 'QueryMemoryError',
    code: 'QUERY_MEMORY',
    message: /this query needs more than is left/,
  })
  t.ok(ledger.reservedKib <= 1024)
  lease.close()
  t.equal(ledger.reservedKib, 0)
  t.equal((await pool.run(job, never)).stats.linesProcessed, 10_000 * 2)
})

test('a scan waits between blocks while queries have taken too much, and then scans the rest', async t => {
  const data = createLedger(40 * mib, 200 * mib)
  const ledger = new MemoryLedger(data)
  const { pool, job } = await open(t, numberedRows(2000), { ledger: data })
  const [[block]] = job.groups as [[BlockRef]]
  const lease = new Lease(ledger)
  ledger.force(33 * 1024)
  let stops = 0
  const makeRoom = async () => {
    if (++stops === 3) lease.overdraw()
  }
  const groups = Array.from({ length: 20 }, () => [block])
  const pass = { lease: lease.data, makeRoom }
  const result = await pool.run({ ...job, leaf: countingLeaf('| logfmt'), groups, pass }, never)
  t.equal(stops, 3)
  // A window begins after its first instant, where one of the lines is.
  t.equal(result.stats.linesMatched, 20 * 1999, 'no block is lost or read twice')
  t.ok(lease.usedBytes > 2000 * 500, `${lease.usedBytes} bytes used`)
})

test('idle threads that are large, or busy with a cancelled scan, are replaced', async t => {
  const { pool, job } = await open(t, numberedRows(2000))
  await pool.replaceLarge(0)
  await pool.run(job, never)
  await pool.replaceLarge(1000 * mib)
  const slow = '| label_format a=`{{ __line__ | repeat 4000 | replace "1" "22" | upper | len }}`'
  const log = parseLogQuery(`{app="x"} ${slow.repeat(20)} | a="never"`)
  const controller = new AbortController()
  const cancelled = t.rejects(pool.run({ ...job, leaf: { ...job.leaf, log } }, controller.signal))
  await setTimeout(300)
  controller.abort(new Error('went away'))
  await cancelled
  await pool.replaceLarge(1000 * mib)
  const started = performance.now()
  t.equal((await pool.run(job, never)).stats.linesProcessed, 2000)
  t.comment(`${Math.round(performance.now() - started)} ms with a new thread`)
  await pool.replaceLarge(-1000 * mib)
  t.equal((await pool.run(job, never)).stats.linesProcessed, 2000)
})

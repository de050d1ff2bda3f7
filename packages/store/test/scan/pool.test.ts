import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Leaf, type LogLeaf, parseLogQuery } from '@skald/query'
import { type Test, test } from 'tap'
import type { BlockRef } from '../../src/scan/messages.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { readSegment } from '../segment-rows.ts'

const never = new AbortController().signal

/** Opens a pool over one segment with one block, and a scan for its first lines. */
async function open(t: Test, rows: readonly Row[] = [[midnightNs, 'one']]) {
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
  const pool = new ScanPool({ directory: segmentsDir, logLevelFields: [] }, 1)
  t.teardown(() => pool.close())
  return { pool, job: { leaf, labelsTexts: ['{app="x"}'], groups } }
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

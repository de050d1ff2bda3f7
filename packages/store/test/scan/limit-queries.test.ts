// A query for the latest or first lines opens the blocks that have them, and hardly any other, also if several
// threads scan and if blocks overlap.

import { type LogLeaf, parseLogQuery } from '@skald/query'
import { type Test, test } from 'tap'
import { createDeleteRule } from '../../src/deletes/delete-rule.ts'
import type { BlockGroup, BlockRef } from '../../src/scan/messages.ts'
import { ScanPool } from '../../src/scan/pool.ts'
import { segmentName } from '../../src/segment/name.ts'
import { acceptedStream, dayNs, midnightNs, openStorage, type Row } from '../harness.ts'
import { readSegment } from '../segment-rows.ts'

const never = new AbortController().signal
const secondNs = 1_000_000_000n

const leafOf = (limit: number, direction: LogLeaf['direction']): LogLeaf => ({
  kind: 'logs',
  log: parseLogQuery('{app="x"}'),
  ...{ matchers: [], startNs: midnightNs, endNs: midnightNs + dayNs, direction, limit },
})

/** Commits batches of rows of some streams. Returns the blocks, which look large enough for several threads. */
async function open(t: Test, batches: readonly (readonly (readonly Row[])[])[], threads: number) {
  const storage = await openStorage(t)
  const blocks: BlockRef[] = []
  const labelsTexts = batches[0]!.map((_, stream) => `{app="x", id="${stream}"}`)
  for (const [i, batch] of batches.entries()) {
    const streams = batch.map((rows, id) => acceptedStream({ app: 'x', id: String(id) }, rows))
    await storage.push('a', ...streams)
    const segment = segmentName(i + 1, 0)
    const { footer } = await readSegment(storage.segmentsDir, segment)
    for (const [index, record] of footer.parts[0]!.blocks.entries()) {
      const labels = labelsTexts.indexOf(footer.parts[0]!.streams[record.stream]!)
      blocks.push({ segment, labels, index, record: { ...record, lineBytes: 8 << 20 } })
    }
  }
  const pool = new ScanPool({ directory: storage.segmentsDir, logLevelFields: [] }, threads)
  t.teardown(() => pool.close())
  return { pool, blocks, labelsTexts }
}

/** Orders groups as the log source does. */
function ordered(groups: BlockGroup[], direction: LogLeaf['direction']): BlockGroup[] {
  const edge = (group: BlockGroup) =>
    direction === 'backward'
      ? -Math.max(...group.map(({ record }) => Number(record.maxNs - midnightNs)))
      : Math.min(...group.map(({ record }) => Number(record.minNs - midnightNs)))
  return groups.toSorted((a, b) => edge(a) - edge(b))
}

/** Ten streams with a line each second in turn, in three blocks each. */
const interleaved = [0, 1, 2].map(batch =>
  Array.from({ length: 10 }, (_, stream) =>
    Array.from({ length: 40 }, (_row, i): Row => {
      const second = (batch * 40 + i) * 10 + stream
      return [midnightNs + BigInt(second) * secondNs, `line ${second}`]
    }),
  ),
)

for (const threads of [1, 3]) {
  test(`blocks that have no line of the result stay closed, threads ${threads}`, async t => {
    const { pool, blocks, labelsTexts } = await open(t, interleaved, threads)
    const times = interleaved.flat(2).map(([time]) => time)
    for (const direction of ['backward', 'forward'] as const) {
      const sorted = times.toSorted((a, b) => Number(direction === 'backward' ? b - a : a - b))
      for (const limit of [1, 4, 10, 60, 450, 5000]) {
        const leaf = leafOf(limit, direction)
        const groups = ordered(
          blocks.map(block => [block]),
          direction,
        )
        const result = await pool.run({ leaf, labelsTexts, groups }, never)
        if (result.kind !== 'logs') throw new Error(result.kind)
        const found = result.found.entries.map(({ timestampNs }) => timestampNs)
        t.same(found, sorted.slice(0, limit))
        const edge = found.at(-1)!
        const needed = blocks.filter(({ record }) =>
          direction === 'backward' ? record.maxNs >= edge : record.minNs <= edge,
        ).length
        const { blocksScanned, scanThreads } = result.stats
        const most = needed === 1 ? 1 : needed + threads - 1
        t.ok(
          blocksScanned >= needed && blocksScanned <= most,
          `limit ${limit}, ${direction}: ${blocksScanned} opened, ${needed} needed`,
        )
        if (needed === 1) t.equal(scanThreads, 1, 'one thread is enough')
      }
    }
  })
}

test('of overlapping blocks, the one with the latest lines is looked at first', async t => {
  const from = (start: number, count: number): Row[] =>
    Array.from({ length: count }, (_, i): Row => {
      return [midnightNs + BigInt(start + i) * secondNs, `line ${start + i} ${count}`]
    })
  const { pool, blocks, labelsTexts } = await open(
    t,
    [[from(0, 50)], [from(40, 60)], [from(90, 10)], [from(95, 60)]],
    1,
  )
  const log = parseLogQuery('{app="x"} |= "line 154"')
  const deletes = [
    createDeleteRule(
      { id: 'a', log },
      { startMs: Number(midnightNs / 1_000_000n), endMs: Number(midnightNs / 1_000_000n) + 1e6 },
    ),
  ]
  const group = blocks.map((block): BlockRef => ({ ...block, deletes: [0] }))
  const result = await pool.run(
    { leaf: leafOf(10, 'backward'), labelsTexts, groups: [group], deletes },
    never,
  )
  if (result.kind !== 'logs') throw new Error(result.kind)
  const lines = result.found.entries.map(({ line }) => line)
  t.same(lines.slice(0, 2), ['line 153 60', 'line 152 60'])
  t.equal(lines.length, 10)
  t.match(result.stats, { blocksScanned: 1, blocksSkipped: 3 })
})

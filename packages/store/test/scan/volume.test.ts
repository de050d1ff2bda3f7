import { createPause, type VolumeLeaf } from '@skald/query'
import { createLabelSet } from '@skald/wire'
import { test } from 'tap'
import { planVolume } from '../../src/scan/volume.ts'
import type { BlockRecord } from '../../src/segment/format.ts'

const second = 1_000_000_000n
const labels = [createLabelSet({ app: 'x' })]

function leaf(stepNs: bigint, count: number): VolumeLeaf {
  return {
    kind: 'volume',
    matchers: [],
    startNs: 0n,
    endNs: stepNs * BigInt(count),
    grid: { startNs: 0n, stepNs, count },
    grouping: { by: 'values', names: ['app'] },
    maxSeries: 10,
  }
}

function block(from: bigint, to: bigint, record: Partial<BlockRecord> = {}) {
  return {
    segment: 's',
    labels: 0,
    index: 0,
    record: {
      stream: 0,
      flags: 0,
      sequence: 1,
      rowCount: 10,
      minNs: from,
      maxNs: to,
      lineBytes: 100,
      metadataPairs: 2,
      offsetBytes: 0,
      sections: [],
      ...record,
    },
  }
}

async function plan(blocks: ReturnType<typeof block>[], wanted = leaf(60n * second, 2)) {
  const pause = createPause(new AbortController().signal)
  const { known, groups } = await planVolume(wanted, { labels, blocksOf: [blocks] }, pause)
  const { cells } = known.found as { cells: Float64Array }
  return { cells: [...cells], scanned: groups.map(group => group.length) }
}

test('blocks in one bucket are counted, those that cross a border are scanned', async t => {
  const blocks = [
    block(0n, 59n * second),
    block(59n * second + 1n, 60n * second),
    block(61n * second, 62n * second, { flags: 1, metadataPairs: 0 }),
    block(119n * second, 120n * second),
  ]
  t.same(await plan(blocks), { cells: [10, 116, 10, 180], scanned: [1, 1] })
})

test('blocks without a recorded number of pairs are scanned', async t => {
  t.same(await plan([block(0n, second, { metadataPairs: undefined })]), { cells: [], scanned: [1] })
})

test('overlapping blocks are scanned together, unless they have very many rows', async t => {
  const overlap = (rowCount: number) => [
    block(0n, 2n * second, { rowCount }),
    block(second, 3n * second, { rowCount }),
  ]
  t.same(await plan(overlap(10)), { cells: [], scanned: [2] })
  t.same(await plan(overlap(300_000)), { cells: [600_000, 232, 0, 0], scanned: [] })
})

test('a plan over many blocks ends with its query', async t => {
  const controller = new AbortController()
  controller.abort(new Error('gone'))
  const blocks = Array.from({ length: 30_000 }, (_, i) => block(BigInt(2 * i), BigInt(2 * i + 1)))
  const planned = planVolume(
    leaf(second, 1),
    { labels: [...labels, ...labels], blocksOf: [blocks, blocks] },
    createPause(controller.signal),
  )
  await t.rejects(planned, new Error('gone'))
})

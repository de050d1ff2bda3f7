// The warning about lines that are missing.

import { test } from 'tap'
import { GapTally } from '../../src/engine/gap-tally.ts'
import { gapLeafOf, gapMarkOf } from '../../src/index.ts'

const second = 1_000_000_000n
const mark = (at: bigint, bytes: number, lines: number, streamKey = '{a="b"}') => ({
  ...{ timestampNs: at * second, streamKey, bytes, lines },
})

test('A query without gaps has no warning', t => {
  const tally = new GapTally()
  tally.add(undefined)
  t.equal(tally.warning(), undefined)
  t.end()
})

test('One gap is told with its time', t => {
  const tally = new GapTally()
  tally.add({ marks: [mark(1_700_000_000n, 1_204_882, 0)], hasMore: false })
  t.equal(
    tally.warning(),
    'lines are missing from these streams: 1 gap, 1,204,882 bytes missing, noted at ' +
      '2023-11-14T22:13:20Z; add | skald_gap!="" to see why',
  )
  t.end()
})

test('Leaves that met the same marker count it once, and say when there may be more', t => {
  const tally = new GapTally()
  const first = mark(1_700_000_000n, 10, 1)
  tally.add({ marks: [first, mark(1_700_000_060n, 0, 4)], hasMore: false })
  tally.add({ marks: [first, mark(1_700_000_000n, 10, 1, '{a="c"}')], hasMore: true })
  t.equal(
    tally.warning(),
    'lines are missing from these streams: at least 3 gaps, 20 bytes missing, 6 lines counted, ' +
      'noted between 2023-11-14T22:13:20Z and 2023-11-14T22:14:20Z; add | skald_gap!="" to see why',
  )
  t.end()
})

test('A marker without readable numbers counts as a gap of unknown size', t => {
  const leaf = gapLeafOf({ matchers: [], startNs: 1n, endNs: 2n }, 5)
  t.match(leaf, { kind: 'logs', startNs: 1n, endNs: 2n, limit: 5, direction: 'backward' })
  const metadata = [
    { name: 'skald_gap', value: 'deleted' },
    { name: 'skald_gap_bytes', value: 'many' },
    { name: 'skald_gap_lines', value: '-3' },
  ]
  const entry = {
    ...{ timestampNs: 1n, streamKey: '{}', sequence: 1, row: 0, line: '', bytes: 0 },
    labels: { stream: [], metadata, parsed: [] },
  }
  t.match(gapMarkOf(entry as Parameters<typeof gapMarkOf>[0]), { bytes: 0, lines: 0 })
  t.end()
})

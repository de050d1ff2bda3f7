import { test } from 'tap'
import { groupOverlapping } from '../../src/segment/overlap.ts'

const group = (spans: readonly (readonly [number, number])[]) =>
  groupOverlapping(spans, ([min, max]) => ({ minNs: BigInt(min), maxNs: BigInt(max) }))

test('blocks that overlap in time are grouped, in the given order', async t => {
  t.same(group([]), [])
  t.same(
    group([
      [5, 6],
      [1, 2],
    ]),
    [[[1, 2]], [[5, 6]]],
  )
  t.same(
    group([
      [4, 9],
      [1, 4],
    ]),
    [
      [
        [4, 9],
        [1, 4],
      ],
    ],
    'the ends are inclusive',
  )
  t.same(
    group([
      [1, 10],
      [2, 3],
      [9, 12],
      [13, 14],
      [12, 12],
    ]),
    [
      [
        [1, 10],
        [2, 3],
        [9, 12],
        [12, 12],
      ],
      [[13, 14]],
    ],
  )
})

import fc from 'fast-check'
import { test } from 'tap'
import {
  type ByteRange,
  bytesOf,
  joinRanges,
  missingRanges,
  readsOf,
} from '../../src/bucket/byte-ranges.ts'
import { bucketGapBytes, bucketReadBytes } from '../../src/limits.ts'

const r = (start: number, end: number): ByteRange => ({ start, end })

test('ranges that touch or are near are joined', async t => {
  t.same(joinRanges([r(5, 9), r(0, 5), r(20, 30), r(22, 24)]), [r(0, 9), r(20, 30)])
  t.same(joinRanges([r(0, 5), r(8, 9)], 3), [r(0, 9)])
  t.same(joinRanges([r(3, 3)]), [])
})

test('reads span small gaps and are never too long', async t => {
  t.same(readsOf([r(0, 10), r(20, 30)]), [r(0, 30)])
  t.equal(readsOf([r(0, 1), r(2 + bucketGapBytes, 3 + bucketGapBytes)]).length, 2)
  const long = readsOf([r(7, 7 + 2 * bucketReadBytes + 1)])
  t.same(
    long.map(one => bytesOf([one])),
    [bucketReadBytes, bucketReadBytes + 1],
  )
  t.equal(readsOf([r(0, 1.9 * bucketReadBytes)]).length, 1)
  t.equal(readsOf([r(0, 2 * bucketReadBytes)]).length, 2)
})

test('what is missing and what is there make up what is wanted', async t => {
  const ranges = fc.array(
    fc.tuple(fc.nat(60), fc.nat(20)).map(([start, length]) => r(start, start + length)),
    { maxLength: 6 },
  )
  const bytes = (list: readonly ByteRange[]) =>
    new Set(
      list.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
    )
  fc.assert(
    fc.property(ranges, ranges, (wanted, have) => {
      const present = joinRanges(have)
      const missing = missingRanges(wanted, present)
      const want = [...bytes(wanted)].filter(at => !bytes(present).has(at))
      const got = [...bytes(missing)]
      return want.length === got.length && want.every(at => bytes(missing).has(at))
    }),
  )
  t.pass()
})

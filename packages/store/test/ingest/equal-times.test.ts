import { test } from 'tap'
import { spreadEqualTimes } from '../../src/ingest/equal-times.ts'
import { acceptedStream, midnightNs, type Row } from '../harness.ts'

/** Returns the offsets of the rows from midnight after they are separated. */
function spread(rows: readonly (readonly [offset: number, line: string])[]): number[] {
  const stream = acceptedStream(
    { app: 'x' },
    rows.map(([offset, line]): Row => [midnightNs + BigInt(offset), line]),
  )
  spreadEqualTimes(stream)
  const { seconds, nanos } = stream.source
  return rows.map((_, i) =>
    Number(BigInt(seconds[i]!) * 1_000_000_000n + BigInt(nanos[i]!) - midnightNs),
  )
}

test('lines with one time end up a nanosecond apart', async t => {
  t.same(
    spread([
      [5, 'a'],
      [5, 'b'],
      [5, 'c'],
      [9, 'd'],
      [9, 'e'],
    ]),
    [5, 6, 7, 9, 10],
  )
})

test('a line repeated in a row keeps its time', async t => {
  t.same(
    spread([
      [5, 'a'],
      [5, 'a'],
      [5, 'b'],
    ]),
    [5, 5, 6],
  )
})

test('a line moves if the previous one was given its time', async t => {
  t.same(
    spread([
      [5, 'a'],
      [5, 'b'],
      [6, 'c'],
    ]),
    [5, 6, 7],
  )
})

test('the nanosecond after the last one of a second is in the next second', async t => {
  t.same(
    spread([
      [999_999_999, 'a'],
      [999_999_999, 'b'],
    ]),
    [999_999_999, 1_000_000_000],
  )
})

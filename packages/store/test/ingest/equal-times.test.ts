import { test } from 'tap'
import { spreadEqualTimes } from '../../src/ingest/equal-times.ts'
import { acceptedStream, midnightNs, type Row } from '../harness.ts'

/** Offsets of the rows behind midnight once they are moved apart. */
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

test('lines of one time are a nanosecond apart each', async t => {
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

test('a line that comes twice in a row has one time', async t => {
  t.same(
    spread([
      [5, 'a'],
      [5, 'a'],
      [5, 'b'],
    ]),
    [5, 5, 6],
  )
})

test('a line whose time the one before was given is moved as well', async t => {
  t.same(
    spread([
      [5, 'a'],
      [5, 'b'],
      [6, 'c'],
    ]),
    [5, 6, 7],
  )
})

test('the last nanosecond of a second is followed by the next second', async t => {
  t.same(
    spread([
      [999_999_999, 'a'],
      [999_999_999, 'b'],
    ]),
    [999_999_999, 1_000_000_000],
  )
})

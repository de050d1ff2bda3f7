import fc from 'fast-check'
import { test } from 'tap'
import {
  decodeTimestamps,
  decodeUints,
  encodeTimestamps,
  encodeUints,
  lineOffsets,
} from '../../src/segment/columns.ts'

const nsOfDay = 86_400_000_000_000

test('timestamps are the same after encoding and decoding', async t => {
  const units = fc.constantFrom(1, 1_000, 1_000_000, 1_000_000_000)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: nsOfDay })), units, (times, unit) => {
      const ascending = Float64Array.from(times, time => Math.floor(time / unit) * unit).sort()
      t.same(decodeTimestamps(encodeTimestamps(ascending), ascending.length), ascending)
    }),
  )
  t.pass()
})

test('whole milliseconds take one byte where nanoseconds take four', async t => {
  const ms = Float64Array.from({ length: 100 }, (_, i) => i * 50_000_000)
  const ns = ms.map(time => time + 1)
  ns[0] = 0
  t.equal(encodeTimestamps(ms).length, 101)
  t.ok(encodeTimestamps(ns).length > 390)
})

test('numbers are the same after encoding and decoding', async t => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 0xffffffff })), numbers => {
      const column = Uint32Array.from(numbers)
      t.same(decodeUints(encodeUints(column), column.length), column)
    }),
  )
  t.pass()
})

test('bytes that are too short, too long or not a column cause a RangeError', async t => {
  const times = encodeTimestamps(Float64Array.from([0, 5, 1000]))
  t.throws(() => decodeTimestamps(times.subarray(0, 2), 3), RangeError)
  t.throws(() => decodeTimestamps(times, 2), RangeError)
  const uints = encodeUints(Uint32Array.from([1, 300]))
  t.throws(() => decodeUints(uints.subarray(0, 2), 2), RangeError)
  t.throws(() => decodeUints(uints, 1), RangeError)
  t.throws(() => decodeUints(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 1]), 1), RangeError)
})

test('lineOffsets counts one separator per line', async t => {
  t.same([...lineOffsets(Uint32Array.from([3, 0, 2]))], [0, 4, 5, 8])
})

import { test } from 'tap'
import { freePushColumns, PushStreamBuilder } from '../src/index.ts'
import { freedColumnBytesLeast } from '../src/limits.ts'

const nothing = Buffer.alloc(0)

/** Builds a push of two streams with equally many entries. */
function build(entriesEach: number) {
  const builder = new PushStreamBuilder()
  for (const labels of ['{app="a"}', '{app="b"}']) {
    for (let i = 0; i < entriesEach; i++) builder.add(1000 + i, i, 10 * i, 5)
    builder.endStream(labels, nothing)
  }
  return builder.build()
}

test('columns that grew hold every entry', t => {
  const entries = 5000
  for (const { labelsText, entryCount, seconds, nanos, lineOffsets, lineLengths } of build(
    entries,
  )) {
    t.equal(entryCount, entries, labelsText)
    t.same([seconds[0], nanos[0], lineOffsets[0], lineLengths[0]], [1000, 0, 0, 5])
    const last = entries - 1
    t.same(
      [seconds[last], nanos[last], lineOffsets[last], lineLengths[last]],
      [1000 + last, last, 10 * last, 5],
    )
  }
  t.end()
})

test('the columns of a large push are freed at once, and may be freed again', t => {
  const streams = build(freedColumnBytesLeast / 4)
  for (const _ of [1, 2]) {
    freePushColumns(streams)
    for (const { seconds, nanos, lineOffsets, lineLengths } of streams) {
      for (const column of [seconds, nanos, lineOffsets, lineLengths])
        t.equal(column.buffer.byteLength, 0)
    }
  }
  t.end()
})

test('the columns of a small push are left to the garbage collector', t => {
  const streams = build(10)
  freePushColumns(streams)
  t.equal(streams[1]!.seconds[9], 1009)
  t.end()
})

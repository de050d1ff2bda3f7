// Moves lines of one stream apart that were pushed with the same time, so that they keep their order
// wherever they are sorted by time: limits_config.increment_duplicate_timestamp.

import type { AcceptedStream } from './accepted-stream.ts'

/**
 * Gives a line that differs from the one before, and has its time, the next nanosecond. A line that
 * comes twice in a row has one time and counts once. Changes the columns of the push.
 */
export function spreadEqualTimes({ source, rows }: AcceptedStream): void {
  const { seconds, nanos } = source
  const count = rows ? rows.length : source.entryCount
  let previous = -1
  let sentSeconds = 0
  let sentNanos = 0
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i]! : i
    const isSame =
      previous >= 0 &&
      ((seconds[row] === sentSeconds && nanos[row] === sentNanos) ||
        (seconds[row] === seconds[previous] && nanos[row] === nanos[previous]))
    if (!isSame) {
      sentSeconds = seconds[row]!
      sentNanos = nanos[row]!
    } else {
      const next = nanos[previous]! + (areLinesEqual(source, previous, row) ? 0 : 1)
      seconds[row] = seconds[previous]! + (next === 1e9 ? 1 : 0)
      nanos[row] = next === 1e9 ? 0 : next
    }
    previous = row
  }
}

function areLinesEqual(
  { bytes, lineOffsets, lineLengths }: AcceptedStream['source'],
  a: number,
  b: number,
): boolean {
  const length = lineLengths[a]!
  if (lineLengths[b] !== length) return false
  const start = lineOffsets[a]!
  const other = lineOffsets[b]!
  return bytes.compare(bytes, other, other + length, start, start + length) === 0
}

// Separates lines of a stream that were pushed with the same time, so that sorting by time keeps
// their order: limits_config.increment_duplicate_timestamp.

import type { AcceptedStream } from './accepted-stream.ts'

/**
 * Moves a line to the next nanosecond if it has the same time as the previous line but different
 * text. A repeated line keeps its time and counts once. Changes the columns of the push.
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

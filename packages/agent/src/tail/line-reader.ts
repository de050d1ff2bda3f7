// Cuts a stretch of bytes into lines. A line ends with a line feed, which is not part of it; a
// carriage return is.

import type { LineConsumer } from '../pipeline/pipeline.ts'

const lineFeed = 0x0a

/** Result of cutting: where the lines that were taken end, and how many they were. */
export interface CutLines {
  readonly end: number
  readonly lineCount: number
}

/**
 * Hands the complete lines of `bytes[start .. end)` to a consumer; `offset` is where `bytes[0]` lies
 * in the file. Stops early after a line where `mayGoOn` says so.
 */
export function consumeLines(
  bytes: Buffer,
  range: { readonly start: number; readonly end: number; readonly offset: number },
  consumer: LineConsumer,
  mayGoOn?: () => boolean,
): CutLines {
  const { end, offset } = range
  let { start } = range
  let lineCount = 0
  for (;;) {
    const at = bytes.indexOf(lineFeed, start)
    if (at < 0 || at >= end) break
    consumer.consume(bytes, start, at, offset + start)
    lineCount++
    start = at + 1
    if (mayGoOn && !mayGoOn()) break
  }
  return { end: start, lineCount }
}

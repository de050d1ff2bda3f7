// Cuts a stretch of bytes into lines. A line ends with a line feed, which is not part of it; a
// carriage return is.

import type { LineConsumer } from '../pipeline/pipeline.ts'

const lineFeed = Buffer.from('\n')

/**
 * Finds the first line feed from `from` on that lies on the border of a code unit (as long as
 * the line feed, counted from the beginning of `bytes`); -1 where there is none.
 */
function findLineFeed(bytes: Buffer, from: number, feed: Buffer): number {
  if (feed.length === 1) return bytes.indexOf(feed[0]!, from)
  let at = bytes.indexOf(feed, from)
  while (at >= 0 && at % feed.length !== 0) at = bytes.indexOf(feed, at + 1)
  return at
}

/** Finds the last line feed in the first `length` bytes, as `findLineFeed`. */
export function findLastLineFeed(bytes: Buffer, length: number, feed: Buffer = lineFeed): number {
  if (feed.length === 1) return bytes.lastIndexOf(feed[0]!, length - 1)
  let at = bytes.lastIndexOf(feed, length - feed.length)
  while (at >= 0 && at % feed.length !== 0) at = at > 0 ? bytes.lastIndexOf(feed, at - 1) : -1
  return at
}

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
  range: {
    readonly start: number
    readonly end: number
    readonly offset: number
    readonly lineFeed?: Buffer
  },
  consumer: LineConsumer,
  mayGoOn?: () => boolean,
): CutLines {
  const { end, offset, lineFeed: feed = lineFeed } = range
  let { start } = range
  let lineCount = 0
  for (;;) {
    const at = findLineFeed(bytes, start, feed)
    if (at < 0 || at >= end) break
    consumer.consume(bytes, start, at, offset + start)
    lineCount++
    start = at + feed.length
    if (mayGoOn && !mayGoOn()) break
  }
  return { end: start, lineCount }
}

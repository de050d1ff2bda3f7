// Splits bytes into lines. A line ends with a line feed, which is not part of it. Neither is a carriage
// return before a single-byte line feed, unless the consumer wants it.

import type { LineConsumer } from '../pipeline/pipeline.ts'

const lineFeed = Buffer.from('\n')
const carriageReturn = 0x0d

/**
 * Returns the first line feed from `from` on that starts at a code unit, counted from the start of `bytes`
 * (a code unit is as long as the line feed). Returns -1 if there is none.
 */
export function findLineFeed(bytes: Buffer, from: number, feed: Buffer): number {
  if (feed.length === 1) return bytes.indexOf(feed[0]!, from)
  let at = bytes.indexOf(feed, from)
  while (at >= 0 && at % feed.length !== 0) at = bytes.indexOf(feed, at + 1)
  return at
}

/** Returns the last line feed in the first `length` bytes, like `findLineFeed`. */
export function findLastLineFeed(bytes: Buffer, length: number, feed: Buffer = lineFeed): number {
  if (feed.length === 1) return bytes.lastIndexOf(feed[0]!, length - 1)
  let at = bytes.lastIndexOf(feed, length - feed.length)
  while (at >= 0 && at % feed.length !== 0) at = at > 0 ? bytes.lastIndexOf(feed, at - 1) : -1
  return at
}

/** Where the consumed lines end, and how many they are. */
export interface CutLines {
  readonly end: number
  readonly lineCount: number
}

/**
 * Passes the complete lines of `bytes[start .. end)` to a consumer. `offset` is the place of `bytes[0]` in
 * the file. Stops early after a line if `mayGoOn` says so.
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
  const takesReturns = feed.length === 1 && consumer.keepsReturns !== true
  let { start } = range
  let lineCount = 0
  for (;;) {
    const at = findLineFeed(bytes, start, feed)
    if (at < 0 || at >= end) break
    const hasReturn = takesReturns && at > start && bytes[at - 1] === carriageReturn
    consumer.consume(bytes, start, hasReturn ? at - 1 : at, offset + start)
    lineCount++
    start = at + feed.length
    if (mayGoOn && !mayGoOn()) break
  }
  return { end: start, lineCount }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** Returns the length of UTF-8's byte order mark at the start of the bytes; 0 if there is none. */
export function markLength(bytes: Buffer): number {
  const hasMark = bytes.length >= byteOrderMark.length && byteOrderMark.equals(bytes.subarray(0, 3))
  return hasMark ? byteOrderMark.length : 0
}

// Ranges of bytes of a file: which are wanted, which are there, and how to read those that are missing.
// Lists of ranges are sorted and do not touch each other.

import { bucketGapBytes, bucketReadBytes } from '../limits.ts'

/** From `start` to before `end`. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Sorts ranges, and joins those that touch or have at most `gapBytes` between them. */
export function joinRanges(ranges: readonly ByteRange[], gapBytes = 0): ByteRange[] {
  const joined: ByteRange[] = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (last && range.start <= last.end + gapBytes) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, range.end) }
    } else if (range.end > range.start) joined.push(range)
  }
  return joined
}

/** Returns what of the wanted ranges is not in the present ones. */
export function missingRanges(
  wanted: readonly ByteRange[],
  present: readonly ByteRange[],
): ByteRange[] {
  const missing: ByteRange[] = []
  for (const { start, end } of joinRanges(wanted)) {
    let from = start
    for (const have of present) {
      if (have.end <= from) continue
      if (have.start >= end) break
      if (have.start > from) missing.push({ start: from, end: have.start })
      from = have.end
    }
    if (from < end) missing.push({ start: from, end })
  }
  return missing
}

/** Returns the reads that bring ranges: a read spans small gaps, and long ranges take several of the same size. */
export function readsOf(missing: readonly ByteRange[]): ByteRange[] {
  return joinRanges(missing, bucketGapBytes).flatMap(({ start, end }) => {
    const count = Math.max(1, Math.floor((end - start) / bucketReadBytes))
    const cut = (i: number) => start + Math.floor(((end - start) * i) / count)
    return Array.from({ length: count }, (_, i) => ({ start: cut(i), end: cut(i + 1) }))
  })
}

export function bytesOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}

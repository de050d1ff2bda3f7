// Finds the blocks of a stream that overlap in time and may therefore hold the same entry twice.

import { ascending } from '@skald/wire'

/** First and last timestamp of a block, both inclusive. */
interface Span {
  readonly minNs: bigint
  readonly maxNs: bigint
}

/**
 * Groups blocks of one stream so that blocks in different groups never overlap in time. Groups are
 * in time order; blocks within a group keep the given order.
 */
export function groupOverlapping<T>(blocks: readonly T[], spanOf: (block: T) => Span): T[][] {
  const order = blocks.map((_, index) => index)
  const spans = blocks.map(spanOf)
  order.sort((a, b) => ascending(spans[a]!.minNs, spans[b]!.minNs) || a - b)
  const groups: number[][] = []
  let endNs: bigint | undefined
  for (const index of order) {
    const { minNs, maxNs } = spans[index]!
    if (endNs === undefined || minNs > endNs) {
      groups.push([index])
      endNs = maxNs
    } else {
      groups.at(-1)!.push(index)
      if (maxNs > endNs) endNs = maxNs
    }
  }
  return groups.map(group => group.sort((a, b) => a - b).map(index => blocks[index]!))
}

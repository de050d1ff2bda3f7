// How many blocks a store opens for the needle, from what it says with `explain=true`.

import type { Row } from './table.ts'

/** What became of the blocks. */
export interface OpenedBlocks {
  readonly blockCount: number
  readonly openedCount: number
  /** Opened blocks that do not hold the needle. */
  readonly falseHitCount: number
}

/** Share of the other blocks that may be opened. */
const falseHitShareMax = 0.01
/** The size at which this has a target. */
const targetMegabytes = 5000

/** Reads the blocks from an answer with `stats.skald`. */
export function readOpenedBlocks(body: string): OpenedBlocks {
  const { data } = JSON.parse(body) as {
    data: {
      stats: {
        skald: {
          blocks: { readonly scanned: number } & Readonly<Record<string, number>>
          filters: { readonly falseHits: number }
        }
      }
    }
  }
  const { blocks, filters } = data.stats.skald
  // Each block has one outcome.
  const blockCount = Object.values(blocks).reduce((sum, count) => sum + count, 0)
  return { blockCount, openedCount: blocks.scanned, falseHitCount: filters.falseHits }
}

/** Returns the row, with its target in a large run. */
export function openedBlocksRow(opened: OpenedBlocks, megabytes: number): Row {
  const { blockCount, openedCount, falseHitCount } = opened
  const othersMax = Math.floor((blockCount - 1) * falseHitShareMax)
  const row = {
    figure: 'needle: blocks opened',
    value: `${openedCount} of ${blockCount}, ${falseHitCount} without it`,
  }
  if (megabytes < targetMegabytes) return row
  return { ...row, target: `<= ${othersMax} without it`, isMet: openedCount - 1 <= othersMax }
}

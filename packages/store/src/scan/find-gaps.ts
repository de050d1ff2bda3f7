// Finds the gap markers in the range of a leaf. Footers say which blocks have any, so a leaf without gaps
// costs nothing, and counts that replace blocks do not hide them.

import { type FoundGaps, gapLeafOf, gapMarkOf, type Leaf } from '@skald/query'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import { gapBlocksMax, gapMarksMax } from '../limits.ts'
import { groupOverlapping } from '../segment/overlap.ts'
import type { BlockRef } from './messages.ts'
import type { ScanPool } from './pool.ts'

/** Returns the newest markers of a leaf's streams in its range, or `undefined` if there are none. */
export async function findGaps(
  leaf: Leaf,
  parts: {
    /** Blocks that have markers. */
    readonly flagged: readonly BlockRef[]
    readonly labelsTexts: readonly string[]
    readonly deletes: readonly DeleteRule[]
    readonly pool: ScanPool
    readonly signal: AbortSignal
  },
): Promise<FoundGaps | undefined> {
  const { flagged, labelsTexts, deletes, pool, signal } = parts
  if (flagged.length === 0 || (leaf.kind !== 'logs' && leaf.kind !== 'samples')) return undefined
  const newest = flagged
    .toSorted((a, b) => (a.record.maxNs > b.record.maxNs ? -1 : 1))
    .slice(0, gapBlocksMax)
  const groups = [...Map.groupBy(newest, ({ labels }) => labels).values()].flatMap(refs =>
    groupOverlapping(
      refs.toSorted((a, b) => (a.record.minNs < b.record.minNs ? -1 : 1)),
      ({ record }) => record,
    ),
  )
  const asked = gapLeafOf(leaf, gapMarksMax)
  const result = await pool.run({ leaf: asked, labelsTexts, deletes, groups }, signal)
  if (result.kind !== 'logs') throw new TypeError(`A logs leaf was answered with ${result.kind}`)
  const marks = result.found.entries.map(gapMarkOf)
  if (marks.length === 0) return undefined
  return { marks, hasMore: flagged.length > newest.length || marks.length >= gapMarksMax }
}

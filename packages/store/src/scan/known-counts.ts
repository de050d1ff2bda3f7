// Finds out what counts in segments already tell a leaf. Only blocks that share no rows with others and have no
// deleted rows are asked for; the scan threads add up the counts.

import {
  isCountable,
  type Leaf,
  type LeafResult,
  type MutableScanStats,
  mergeLeafResults,
  type SampleLeaf,
} from '@skald/query'
import type { LeaseData } from '../memory/lease.ts'
import type { CountRecord } from '../segment/counts/count-group.ts'
import type { BlockGroup, BlockRef, CountedSegment } from './messages.ts'
import type { ScanPool } from './pool.ts'

/** The counts of a part, and its day. */
export interface CountedPart {
  readonly day: number
  readonly records: readonly CountRecord[]
}

export interface KnownCountsParts {
  readonly labelsTexts: readonly string[]
  /** Name of a segment → its counts. */
  readonly counted: ReadonlyMap<string, CountedPart>
  readonly pool: ScanPool
  readonly signal: AbortSignal
  /** Memory of the leaf. Absent: unlimited. */
  readonly lease?: LeaseData | undefined
  /** Grows by what was counted and read. */
  readonly stats: MutableScanStats
  /** Receives the name of a segment with damaged counts, and what is wrong. */
  readonly onDamage?: ((segment: string, damage: string) => void) | undefined
}

export interface KnownCounts {
  /** `undefined` if counts tell nothing. */
  readonly known: LeafResult | undefined
  /** The groups that are left to scan. */
  readonly groups: readonly BlockGroup[]
}

/** Adds up counts as far as possible. */
export async function addKnownCounts(
  leaf: Leaf,
  groups: readonly BlockGroup[],
  parts: KnownCountsParts,
): Promise<KnownCounts> {
  const { counted, stats } = parts
  if (counted.size === 0 || !isCountable(leaf)) return { known: undefined, groups }
  const started = performance.now()
  const asked = new Map<string, BlockRef[]>()
  const left: BlockGroup[] = []
  for (const group of groups) {
    const [only] = group
    if (group.length > 1 || !only || only.deletes || !counted.has(only.segment)) {
      left.push(group)
      continue
    }
    const refs = asked.get(only.segment)
    if (refs) refs.push(only)
    else asked.set(only.segment, [only])
  }
  if (asked.size === 0) return { known: undefined, groups }
  for (const refs of asked.values()) refs.sort((a, b) => a.index - b.index)
  const { known, unknown } = await ask(leaf, asked, parts)
  for (const ref of unknown) left.push([ref])
  const opened = new Set(left.flatMap(group => group.map(({ segment }) => segment)))
  for (const segment of asked.keys()) if (!opened.has(segment)) stats.segmentsFromCounts++
  stats.countsMs += performance.now() - started
  return { known, groups: left }
}

async function ask(
  leaf: SampleLeaf,
  asked: ReadonlyMap<string, readonly BlockRef[]>,
  { labelsTexts, counted, pool, signal, lease, stats, onDamage }: KnownCountsParts,
): Promise<{ known: LeafResult; unknown: readonly BlockRef[] }> {
  const segments = [...asked].map(([segment, refs]): CountedSegment => {
    const { day, records } = counted.get(segment)!
    return {
      ...{ segment, day, records },
      blocks: Uint32Array.from(refs, ({ index }) => index),
      labels: Uint32Array.from(refs, ({ labels }) => labels),
      minNs: BigInt64Array.from(refs, ({ record }) => record.minNs),
      maxNs: BigInt64Array.from(refs, ({ record }) => record.maxNs),
    }
  })
  const found = await pool.addCounts({ leaf, labelsTexts, segments, lease }, signal)
  const unknown: BlockRef[] = []
  for (const [i, { isAdded, damage, bytesRead }] of found.answers.entries()) {
    const { segment } = segments[i]!
    const refs = asked.get(segment)!
    const rest = refs.filter((_, at) => isAdded[at] === 0)
    unknown.push(...rest)
    stats.countBytesRead += bytesRead
    stats.blocksFromCounts += refs.length - rest.length
    stats.blocksSkipped += refs.length - rest.length
    if (damage === undefined) continue
    stats.countsDamaged++
    onDamage?.(segment, damage)
  }
  return { known: mergeLeafResults(leaf, found.results), unknown }
}

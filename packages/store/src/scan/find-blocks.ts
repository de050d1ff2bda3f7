// Finds the blocks that a leaf has to read: those of its streams and times that are not deleted, and
// whose filters do not rule out what the leaf needs.

import { createPause, type Leaf, type MutableScanStats, type Pause } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import type { SegmentInfo } from '../catalog/catalog.ts'
import { DeletePlan, type DeleteRule, type StreamDeletes } from '../deletes/delete-rule.ts'
import { footersAtOnce } from '../limits.ts'
import type { FilterRecord } from '../segment/filter/filter-group.ts'
import type { PartialPart } from '../segment/footer-outline.ts'
import { type BlockRecord, flagGaps, type SegmentPart } from '../segment/format.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { CountedPart } from './known-counts.ts'
import type { LeftOut } from './left-out.ts'
import { type BlockRef, filterVerdicts } from './messages.ts'
import type { ScanPool } from './pool.ts'
import type { SegmentDamageHandler } from './segment-damage.ts'
import { WantedKeys } from './wanted-keys.ts'

/** A leaf and the rules that hide entries from it. */
export interface Selection {
  readonly tenant: string
  readonly leaf: Leaf
  readonly deletes: readonly DeleteRule[]
}

export interface FindBlocksParts {
  readonly found: readonly SegmentInfo[]
  readonly segments: SegmentIndex
  /** The leaf's streams: canonical label set → labels. */
  readonly streams: ReadonlyMap<string, LabelSet>
  readonly pool: ScanPool
  readonly signal: AbortSignal
  /** Grows by what the search finds, leaves out and reads. */
  readonly stats: MutableScanStats
  readonly onDamage?: SegmentDamageHandler | undefined
  /** What to leave out. Grows by the segments whose footers are damaged. */
  readonly leftOut: LeftOut
}

export interface FoundBlocks {
  readonly labelsTexts: readonly string[]
  /** Index of a stream in `labelsTexts` → its blocks. */
  readonly blocksOf: readonly BlockRef[][]
  /** Blocks with gap markers, whether or not the leaf has to read them. */
  readonly flagged: readonly BlockRef[]
  /** Name of a segment → its counts. Segments without counts are absent. */
  readonly counted: ReadonlyMap<string, CountedPart>
}

/** The blocks of a part that are in range. */
interface PartCandidates {
  readonly segment: string
  readonly part: SegmentPart
  readonly candidates: readonly BlockRef[]
}

/** Returns the blocks to scan, grouped by stream in the order of `streams`. */
export async function findBlocks(
  { tenant, leaf, deletes }: Selection,
  parts: FindBlocksParts,
): Promise<FoundBlocks> {
  const { found, streams, signal, stats, leftOut } = parts
  const pause = createPause(signal)
  const labelsTexts = [...streams.keys()]
  const indexes = new Map(labelsTexts.map((text, index) => [text, index]))
  const blocksOf: BlockRef[][] = labelsTexts.map(() => [])
  const counted = new Map<string, CountedPart>()
  const flagged: BlockRef[] = []
  const deletesOf = await planDeletes(deletes, streams, pause)
  const wanted = new WantedKeys(leaf, deletes, [...streams.values()])
  await wanted.plan(pause)
  const onRead = (bytes: number) => {
    stats.footerBytesRead += bytes
  }
  for (let from = 0; from < found.length; from += footersAtOnce) {
    const started = performance.now()
    const inRange: PartCandidates[] = []
    for (const info of found.slice(from, from + footersAtOnce)) {
      const { name } = info
      for (const part of await readParts(info, { tenant, labelsTexts }, onRead, parts)) {
        const candidates = candidatesOf(info, part, { indexes, deletesOf, leaf, stats, leftOut })
        for (const ref of candidates) if ((ref.record.flags & flagGaps) !== 0) flagged.push(ref)
        if (candidates.length > 0) inRange.push({ segment: name, part, candidates })
        // A segment with counts has one part.
        if (part.counts.length > 0) counted.set(name, { day: part.day, records: part.counts })
        await pause(part.blocks.length * 10)
      }
    }
    const looked = performance.now()
    stats.footersMs += looked - started
    const rest = await askFilters(inRange, wanted, parts)
    stats.filtersMs += performance.now() - looked
    for (const { candidates } of rest) {
      for (const ref of candidates) blocksOf[ref.labels]!.push(ref)
    }
  }
  return { labelsTexts, blocksOf, flagged, counted }
}

/** Returns nothing if the segment is to be left out, because it is damaged. */
async function readParts(
  info: SegmentInfo,
  wanted: { readonly tenant: string; readonly labelsTexts: readonly string[] },
  onRead: (bytes: number) => void,
  { segments, leftOut, onDamage }: FindBlocksParts,
): Promise<readonly (SegmentPart | PartialPart)[]> {
  const { name } = info
  if (leftOut.hasSegment(name)) return []
  try {
    return await segments.partsWith(info, wanted, onRead)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'CORRUPTION' && code !== 'EIO') throw error
    leftOut.addSegment(name, message)
    onDamage?.(name, 'lines', message)
    return []
  }
}

/** Returns the rules for each stream. */
async function planDeletes(
  deletes: readonly DeleteRule[],
  streams: ReadonlyMap<string, LabelSet>,
  pause: Pause,
): Promise<readonly (StreamDeletes | undefined)[]> {
  if (deletes.length === 0) return []
  const plan = new DeletePlan(deletes)
  const deletesOf: (StreamDeletes | undefined)[] = []
  for (const labels of streams.values()) {
    deletesOf.push(plan.ofStream(labels))
    await pause(10 * deletes.length)
  }
  return deletesOf
}

function candidatesOf(
  { name: segment, level, sequence }: SegmentInfo,
  part: SegmentPart | PartialPart,
  {
    indexes,
    deletesOf,
    leaf,
    stats,
    leftOut,
  }: {
    readonly indexes: ReadonlyMap<string, number>
    readonly deletesOf: readonly (StreamDeletes | undefined)[]
    readonly leaf: Leaf
    readonly stats: MutableScanStats
    readonly leftOut: LeftOut
  },
): BlockRef[] {
  const wanted = part.streams.map(text => indexes.get(text))
  const hasGap = leftOut.isIn(segment)
  const candidates: BlockRef[] = []
  const indexOf = 'blockIndexes' in part ? part.blockIndexes : undefined
  if ('blockCount' in part) stats.blocksOfOtherStreams += part.blockCount - part.blocks.length
  for (const [i, record] of part.blocks.entries()) {
    const index = indexOf?.[i] ?? i
    // Times come first: a stream of the selector that has no line in the range is not in `indexes`.
    if (!isInRange(record, leaf)) {
      stats.blocksOutOfRange++
      continue
    }
    const labels = wanted[record.stream]
    if (labels === undefined) {
      stats.blocksOfOtherStreams++
      continue
    }
    if (hasGap && leftOut.hasBlock(segment, record)) continue
    const deleted = deletesOf[labels]?.ofBlock(record)
    if (deleted === 'all') {
      stats.blocksDeleted++
      continue
    }
    // The catalog may have given another one when it entered the segment.
    const isInOrder = level > 0 || record.sequence === sequence
    const placed = isInOrder ? record : { ...record, sequence }
    const ref = { segment, labels, index, record: placed }
    candidates.push(deleted ? { ...ref, deletes: deleted } : ref)
  }
  return candidates
}

function isInRange({ minNs, maxNs }: BlockRecord, { startNs, endNs }: Leaf): boolean {
  return minNs < endNs && maxNs >= startNs
}

/**
 * Leaves out the candidates whose filters rule out what the leaf needs, and the delete rules that match none of
 * their rows.
 */
async function askFilters(
  parts: readonly PartCandidates[],
  wanted: WantedKeys,
  { pool, signal, stats, onDamage }: FindBlocksParts,
): Promise<readonly PartCandidates[]> {
  const asked = parts.flatMap((one, at) => {
    const filters = filtersOf(one, wanted)
    return filters.length > 0 ? [{ at, segment: one.segment, filters }] : []
  })
  if (asked.length === 0) return parts
  const segments = asked.map(({ segment, filters }) => ({ segment, filters }))
  const answers = await pool.askFilters(segments, wanted.keys, signal)
  const rest = [...parts]
  for (const [i, { verdicts, damage, bytesRead }] of answers.entries()) {
    const { at, segment } = asked[i]!
    stats.filterBytesRead += bytesRead
    if (damage !== undefined) {
      stats.filtersDamaged++
      onDamage?.(segment, 'filters', damage)
    }
    const one = parts[at]!
    const candidates: BlockRef[] = []
    for (const ref of one.candidates) {
      const verdictOf = (keys: number) => verdicts[keys]?.[ref.index] ?? filterVerdicts.none
      const verdict = verdictOf(wanted.ofLeaf(ref.labels))
      if (verdict !== filterVerdicts.none) stats.filtersAsked++
      if (verdict === filterVerdicts.without) {
        stats.blocksFiltered++
        continue
      }
      const passed = verdict === filterVerdicts.passed ? { ...ref, hasPassedFilter: true } : ref
      const deletes = passed.deletes?.filter(
        rule => verdictOf(wanted.ofRule(rule, ref.labels)) !== filterVerdicts.without,
      )
      candidates.push(deletes ? withDeletes(passed, deletes) : passed)
    }
    rest[at] = { ...one, candidates }
  }
  return rest
}

function withDeletes({ deletes: _, ...ref }: BlockRef, deletes: readonly number[]): BlockRef {
  return deletes.length > 0 ? { ...ref, deletes } : ref
}

/** Returns the filters of a part that say something about its candidates. */
function filtersOf(
  { part, candidates }: PartCandidates,
  wanted: WantedKeys,
): readonly FilterRecord[] {
  const filtered = candidates.filter(
    ({ labels, deletes }) =>
      wanted.ofLeaf(labels) >= 0 || deletes?.some(rule => wanted.ofRule(rule, labels) >= 0),
  )
  let at = 0
  return part.filters.filter(({ firstBlock, blockCount }) => {
    while (at < filtered.length && filtered[at]!.index < firstBlock) at++
    return at < filtered.length && filtered[at]!.index < firstBlock + blockCount
  })
}

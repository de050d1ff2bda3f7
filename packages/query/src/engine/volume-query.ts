// How much the streams of a selector hold: Loki's index statistics and volumes. Answered from what is
// known of blocks, so that they cost next to nothing where these lie in one bucket.

import { nsPerMs } from '@skald/go-dialect'
import { ascending, type LabelSet, type Matcher } from '@skald/wire'
import type { ScanStats, StepGrid } from '../blocks/block-view.ts'
import type { QueryLimits } from '../limits.ts'
import type { FoundVolumes } from '../plan/leaf-result.ts'
import { foundOf } from '../plan/leaf-result.ts'
import type { LogSource, VolumeGrouping, VolumeLeaf } from '../plan/log-source.ts'
import { checkQueryLimits } from '../plan/plan.ts'

/** A selector over a range of time. */
export interface IndexRequest {
  readonly matchers: readonly Matcher[]
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive; a range without length means the one instant. */
  readonly endNs: bigint
  readonly limits: QueryLimits
}

export interface VolumeRequest extends IndexRequest {
  /** Length of a bucket; one bucket for the whole range where absent. */
  readonly stepNs?: bigint
  readonly grouping: VolumeGrouping
  /** Most series of each bucket, the largest ones. */
  readonly limit: number
  /** Groups before the request is refused. */
  readonly maxSeries: number
}

/** Bytes of one series in one bucket. */
export interface VolumePoint {
  /** Last instant of the bucket, or the end of the range. */
  readonly timeNs: bigint
  readonly bytes: number
}

export interface VolumeSeries {
  readonly labels: LabelSet
  /** Buckets that have bytes, in order of time; at least one. */
  readonly points: readonly VolumePoint[]
}

export interface VolumeResult {
  /** Largest first point first. */
  readonly series: readonly VolumeSeries[]
  readonly stats: ScanStats
}

/** What a selector finds. */
export interface IndexStats {
  readonly streams: number
  /** Blocks with rows in the range. */
  readonly blocks: number
  readonly entries: number
  readonly bytes: number
}

/**
 * Counts streams, blocks, entries and bytes.
 *
 * @throws LimitExceededError; the source's errors; the signal's reason.
 */
export async function runIndexStats(
  request: IndexRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<IndexStats> {
  const leaf = planVolume({
    ...request,
    grouping: { by: 'values', names: undefined },
    maxSeries: Number.POSITIVE_INFINITY,
  })
  const result = await source.select(leaf, signal)
  const { stats } = result
  const { groups, cells } = foundOf('volume', result)
  let entries = 0
  let bytes = 0
  for (let i = 0; i < cells.length; i += 2) {
    entries += cells[i]!
    bytes += cells[i + 1]!
  }
  const blocks = stats.blocksScanned + stats.blocksSkipped
  return { streams: groups.length, blocks, entries, bytes }
}

/**
 * Adds up bytes by labels and buckets.
 *
 * @throws LimitExceededError; the source's errors; the signal's reason.
 */
export async function runVolume(
  request: VolumeRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<VolumeResult> {
  const leaf = planVolume(request)
  const result = await source.select(leaf, signal)
  signal.throwIfAborted()
  return { series: seriesOf(leaf, request, foundOf('volume', result)), stats: result.stats }
}

function planVolume(
  request: Omit<VolumeRequest, 'limit'> & Pick<VolumeLeaf, 'maxSeries'>,
): VolumeLeaf {
  const { matchers, startNs, grouping, maxSeries, limits } = request
  const endNs = request.endNs > startNs ? request.endNs : startNs + 1n
  const times = { startNs, endNs: request.endNs, stepNs: 0n, isInstant: false }
  checkQueryLimits({ kind: 'log', matchers, stages: [] }, times, limits)
  const grid = bucketsOf(startNs, endNs, request.stepNs)
  return { kind: 'volume', matchers, startNs, endNs, grid, grouping, maxSeries }
}

/** Buckets that begin at multiples of the step. */
function bucketsOf(startNs: bigint, endNs: bigint, stepNs: bigint | undefined): StepGrid {
  if (stepNs === undefined) return { startNs, stepNs: endNs - startNs, count: 1 }
  const firstNs = startNs - (((startNs % stepNs) + stepNs) % stepNs)
  return { startNs: firstNs, stepNs, count: Number((endNs - 1n - firstNs) / stepNs) + 1 }
}

function seriesOf(
  { grid }: VolumeLeaf,
  { limit, endNs }: VolumeRequest,
  { groups, cells }: FoundVolumes,
): VolumeSeries[] {
  const names = groups.map(nameOf)
  const points = groups.map((): VolumePoint[] => [])
  for (let bucket = 0; bucket < grid.count; bucket++) {
    const bytesOf = (group: number) => cells[2 * (group * grid.count + bucket) + 1]!
    const isLast = bucket === grid.count - 1
    const timeNs = isLast ? endNs : grid.startNs + grid.stepNs * BigInt(bucket + 1) - nsPerMs
    let filled = groups.flatMap((_, group) =>
      cells[2 * (group * grid.count + bucket)]! > 0 ? group : [],
    )
    if (filled.length > limit) {
      filled = filled
        .sort((a, b) => bytesOf(b) - bytesOf(a) || ascending(names[a]!, names[b]!))
        .slice(0, limit)
    }
    for (const group of filled) points[group]!.push({ timeNs, bytes: bytesOf(group) })
  }
  return groups
    .map((labels, group) => ({ labels, name: names[group]!, points: points[group]! }))
    .filter(series => series.points.length > 0)
    .sort((a, b) => b.points[0]!.bytes - a.points[0]!.bytes || ascending(a.name, b.name))
}

/** Series of equal size are ordered by this. */
function nameOf(labels: LabelSet): string {
  return labels.map(({ name, value }) => `${name}\0${value}`).join('\0')
}

// The store's implementation of LogSource: finds the blocks for a leaf's matchers and time range,
// and has the scan threads run the leaf over them.

import { formatLogqlBytes, maxBigint, minBigint } from '@skald/go-dialect'
import {
  addScanStats,
  createPause,
  createScanStats,
  type Leaf,
  type LeafResult,
  LimitExceededError,
  type LogSource,
  leafKey,
  type MutableScanStats,
  mergeLeafResults,
  type ScanStats,
  type VolumeLeaf,
} from '@skald/query'
import { ascending } from '@skald/wire'
import type { Catalog, TimeRange } from '../catalog/catalog.ts'
import type { DeleteRule } from '../deletes/delete-rule.ts'
import { ScanThreadEndedError } from '../errors.ts'
import { scanReplansMax, streamBytes, threadEndsMax } from '../limits.ts'
import type { AnswerHold } from '../memory/answer-hold.ts'
import type { LeafPass, QueryGate } from '../memory/query-gate.ts'
import { countRemoteWork } from '../objects/remote-work.ts'
import { groupOverlapping } from '../segment/overlap.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { findBlocks, type Selection } from './find-blocks.ts'
import { findGaps } from './find-gaps.ts'
import { addKnownCounts } from './known-counts.ts'
import { estimateLeaf } from './leaf-memory.ts'
import { LeftOut } from './left-out.ts'
import type { BlockGroup } from './messages.ts'
import type { ScanPool } from './pool.ts'
import type { SegmentDamageHandler } from './segment-damage.ts'
import type { SharedRuns } from './shared-runs.ts'
import { planVolume } from './volume.ts'

export interface LogSourceParts {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly pool: ScanPool
  /** Leaves currently running, of all tenants. */
  readonly runs: SharedRuns<SourceResult>
  /** Lets a leaf run when there is memory for it. Absent: always. */
  readonly gate?: QueryGate | undefined
  /** Memory of the answer that the leaves are for. Absent: not counted. */
  readonly hold?: AnswerHold | undefined
  /** Limits of one leaf. Unlimited if absent. */
  readonly limits?: LeafLimits
  /** Returns the delete rules for a time range. Nothing is deleted if absent. */
  readonly rulesFor?: (range: TimeRange) => readonly DeleteRule[]
  /** Called when a segment is found damaged. What can be read is read. */
  readonly onDamage?: SegmentDamageHandler
  /** Called with the work of each leaf that was run to its end. Shared runs count once. */
  readonly onWork?: (stats: ScanStats) => void
}

/** The result of a leaf. */
export interface SourceResult {
  readonly result: LeafResult
  /** What it used of the memory of queries, with the copies of the result. */
  readonly usedBytes: number
  /** Bytes of lines in the blocks that it chose to read; 0 if there is no limit for them. */
  readonly chosenBytes: number
}

/** Limits of one leaf from `limits_config`; 0 means no limit. */
export interface LeafLimits
  extends Pick<TenantLimits, 'maxQueryBytesRead' | 'maxQuerierBytesRead' | 'cardinalityLimit'> {
  /** What the same leaf has read of other tenants, which counts too. */
  readonly bytesBefore?: number
}

/** Of a leaf that may read and find as much as there is. */
export const noLimits: LeafLimits = {
  maxQueryBytesRead: 0,
  maxQuerierBytesRead: 0,
  cardinalityLimit: 0,
}

/** Creates the source for a tenant's queries. */
export function createLogSource(tenant: string, parts: LogSourceParts): LogSource {
  return {
    select: async (leaf, signal) => (await selectOfTenant({ tenant, leaf }, parts, signal)).result,
  }
}

/**
 * Runs a leaf over the lines of a tenant.
 * @throws what LogSource.select throws.
 */
export async function selectOfTenant(
  { tenant, leaf }: Pick<Selection, 'tenant' | 'leaf'>,
  parts: LogSourceParts,
  signal: AbortSignal,
): Promise<SourceResult> {
  const refreshing = parts.catalog.refresh()
  const outdated = refreshing && (await refreshing)
  // Read the rules before finding segments: if a rule is gone by then, its entries are no
  // longer in the segments either.
  const deletes = parts.rulesFor?.(leaf) ?? []
  const selection = { tenant, leaf, deletes }
  let isShared = true
  const found = await parts.runs.join(keyOf(selection, parts), signal, shared => {
    isShared = false
    return selectWithin(selection, parts, shared)
  })
  parts.hold?.takeResult(found.usedBytes)
  const result = outdated === undefined ? found.result : withWarning(found.result, outdated)
  if (!isShared) return { ...found, result }
  return { ...found, result: { ...result, stats: { ...result.stats, leavesShared: 1 } } }
}

function withWarning(result: LeafResult, text: string): LeafResult {
  return { ...result, warnings: [...(result.warnings ?? []), text] }
}

/**
 * Returns a key that is equal for leaves with the same result. It includes the segment version, so
 * a query never reuses a result that is older than the latest push.
 */
function keyOf({ tenant, leaf, deletes }: Selection, { segments, limits }: LogSourceParts): string {
  const hidden = deletes.map(({ id }) => id)
  const { maxQueryBytesRead, maxQuerierBytesRead, cardinalityLimit, bytesBefore } =
    limits ?? noLimits
  const bounds = [maxQueryBytesRead, maxQuerierBytesRead, cardinalityLimit, bytesBefore]
  return JSON.stringify([tenant, segments.version, bounds, hidden, leafKey(leaf)])
}

/** Selects when there is memory for it. */
async function selectWithin(
  selection: Selection,
  parts: LogSourceParts,
  signal: AbortSignal,
): Promise<SourceResult> {
  const { gate } = parts
  if (!gate) return { ...(await selectWhole(selection, parts, { signal })), usedBytes: 0 }
  return await gate.run(selection.tenant, signal, async pass => {
    const whole = await selectWhole(selection, parts, { signal: pass.signal, pass })
    return { ...whole, usedBytes: pass.usedBytes }
  })
}

type WholeResult = Omit<SourceResult, 'usedBytes'>

async function selectWhole(
  selection: Selection,
  parts: LogSourceParts,
  run: Pick<SelectRun, 'signal' | 'pass'>,
): Promise<WholeResult> {
  const leftOut = new LeftOut()
  const remoteWork = { requests: 0, bytes: 0 }
  let threadEnds = 0
  for (let attempt = 1; ; ) {
    try {
      const stats = { ...createScanStats(), leaves: 1 }
      const { result, chosenBytes } = await countRemoteWork(remoteWork, () =>
        selectOnce(selection, parts, { ...run, stats, leftOut }),
      )
      addWork(stats, result.stats, selection.leaf)
      stats.bucketRequests = remoteWork.requests
      stats.bucketBytesRead = remoteWork.bytes
      parts.onWork?.(stats)
      const warnings = leftOut.isEmpty ? undefined : leftOut.warnings()
      return { result: { ...result, stats, ...(warnings && { warnings }) }, chosenBytes }
    } catch (error) {
      if (error instanceof ScanThreadEndedError && threadEnds++ < threadEndsMax) continue
      // A scan that came upon damage begins again without it, because its rows count half.
      const damaged = leftOut.addError(error as Error)
      if (damaged === undefined) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        // A merge may have replaced the segment.
        if (attempt++ <= scanReplansMax) continue
      }
      const left = damaged ?? leftOut.addMissing(error as Error)
      if (left === undefined) throw error
      parts.onDamage?.(left, 'lines', (error as Error).message)
    }
  }
}

interface SelectRun {
  readonly signal: AbortSignal
  readonly stats: MutableScanStats
  readonly leftOut: LeftOut
  readonly pass?: LeafPass
}

async function selectOnce(
  selection: Selection,
  { catalog, segments, pool, limits = noLimits, onDamage }: LogSourceParts,
  { signal, stats, leftOut, pass }: SelectRun,
): Promise<WholeResult> {
  const { tenant, leaf, deletes } = selection
  const started = performance.now()
  const range = { startNs: leaf.startNs, endNs: leaf.endNs }
  const streams = await catalog.findStreams(tenant, leaf.matchers, range, count => {
    checkStreams(count, limits)
    pass?.checkRoom(count * streamBytes)
  })
  checkStreams(streams.size, limits)
  const found = streams.size > 0 ? await catalog.findSegments(tenant, range) : []
  stats.streams = streams.size
  stats.segments = found.length
  stats.streamsMs = performance.now() - started
  const release = segments.acquire(found.map(({ name }) => name))
  try {
    const parts = { found, segments, streams, pool, signal, stats, onDamage, leftOut }
    const { labelsTexts, blocksOf, flagged, counted } = await findBlocks(selection, parts)
    const streamCount = streams.size
    const { threadCount } = pool
    await pass?.reserve(estimateLeaf({ leaf, streamCount, blocksOf, threadCount }))
    const gaps = await findGaps(leaf, { flagged, labelsTexts, deletes, pool, signal })
    const withGaps = (result: LeafResult): LeafResult => (gaps ? { ...result, gaps } : result)
    const read = (result: LeafResult, chosenBytes: number) => ({ result, chosenBytes })
    stats[unreadName(leaf)] = blocksOf.reduce((sum, blocks) => sum + blocks.length, 0)
    if (leaf.kind !== 'volume') {
      const all = blocksOf.flatMap(refs => groupOverlapping(refs, ({ record }) => record))
      const { known, groups } = await addKnownCounts(leaf, all, {
        ...{ labelsTexts, counted, pool, signal, stats, lease: pass?.lease },
        onDamage: (segment, damage) => onDamage?.(segment, 'counts', damage),
      })
      stats[unreadName(leaf)] -= stats.blocksFromCounts
      if (known && groups.length === 0) return read(withGaps(known), 0)
      const chosenBytes = checkBytes(groups, limits)
      const job = { leaf, labelsTexts, deletes, groups: orderGroups(groups, leaf), pass }
      const scanned = await pool.run(job, signal)
      const whole = known ? mergeLeafResults(leaf, [known, scanned]) : scanned
      return read(withGaps(whole), chosenBytes)
    }
    const { known, groups } = await planVolume(
      leaf,
      { labels: [...streams.values()], blocksOf },
      createPause(signal),
    )
    if (groups.length === 0) return read(known, 0)
    const chosenBytes = checkBytes(groups, limits)
    const job = { leaf, labelsTexts, deletes, groups: bySegment(groups), pass }
    return read(mergeLeafResults(leaf, [known, await pool.run(job, signal)]), chosenBytes)
  } finally {
    await release()
  }
}

/** Adds the work of a scan to that of the search for its blocks. */
function addWork(stats: MutableScanStats, scanned: ScanStats, leaf: Leaf): void {
  addScanStats(stats, scanned)
  stats[unreadName(leaf)] -= scanned.blocksScanned
  stats.blocksSkipped += stats.blocksFiltered
}

/** Returns the name for the blocks that a scan could have read and did not need to read. */
function unreadName(leaf: Leaf): 'blocksBeyondLimit' | 'blocksCounted' {
  return leaf.kind === 'logs' ? 'blocksBeyondLimit' : 'blocksCounted'
}

/** @throws LimitExceededError */
function checkStreams(count: number, { cardinalityLimit }: LeafLimits): void {
  if (cardinalityLimit === 0 || count <= cardinalityLimit) return
  throw new LimitExceededError(
    'cardinality_limit',
    `cardinality limit exceeded for logs{}; ${count} entries, more than limit of ${cardinalityLimit}`,
  )
}

/**
 * Checks the size of a scan before it starts, and returns it in bytes; 0 if there is no limit.
 * @throws LimitExceededError
 */
function checkBytes(
  groups: readonly BlockGroup[],
  { maxQueryBytesRead, maxQuerierBytesRead, bytesBefore = 0 }: LeafLimits,
): number {
  if (maxQueryBytesRead === 0 && maxQuerierBytesRead === 0) return 0
  let own = 0
  for (const group of groups) for (const { record } of group) own += record.lineBytes
  const bytes = bytesBefore + own
  const query = formatLogqlBytes(bytes)
  if (maxQueryBytesRead > 0 && bytes > maxQueryBytesRead) {
    throw new LimitExceededError(
      'max_query_bytes_read',
      `the query would read too many bytes (query: ${query}, limit: ${formatLogqlBytes(maxQueryBytesRead)}); consider adding more specific stream selectors or reduce the time range of the query`,
    )
  }
  if (maxQuerierBytesRead > 0 && bytes > maxQuerierBytesRead) {
    throw new LimitExceededError(
      'max_querier_bytes_read',
      `query too large to execute on a single querier: (query: ${query}, limit: ${formatLogqlBytes(maxQuerierBytesRead)}); consider adding more specific stream selectors, reduce the time range of the query, or adjust parallelization settings`,
    )
  }
  return own
}

/** Log queries scan the most relevant blocks first. All others read each file in one go. */
function orderGroups(
  groups: readonly BlockGroup[],
  leaf: Exclude<Leaf, VolumeLeaf>,
): readonly BlockGroup[] {
  if (leaf.kind !== 'logs') return bySegment(groups)
  const edge = (group: BlockGroup) =>
    leaf.direction === 'backward'
      ? group.map(({ record }) => record.maxNs).reduce(maxBigint)
      : -group.map(({ record }) => record.minNs).reduce(minBigint)
  return groups
    .map(group => ({ group, edge: edge(group) }))
    .sort((a, b) => (a.edge > b.edge ? -1 : a.edge < b.edge ? 1 : 0))
    .map(({ group }) => group)
}

function bySegment(groups: readonly BlockGroup[]): readonly BlockGroup[] {
  return groups.toSorted((a, b) => ascending(a[0]!.segment, b[0]!.segment))
}

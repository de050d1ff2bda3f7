// Decides what retention by size and by free space deletes. Pure functions, so that you can read and
// test the rules in isolation.

import type { DatedSegment, DaySize } from '../catalog/catalog.ts'
import { fairShare, minFreeBytesMax } from '../limits.ts'
import { type DiskUsage, minFreeBytes } from '../objects/disk-usage.ts'

/** Why something is deleted, as the log and the metrics call it. */
export type SpaceReason = 'tenant_size' | 'size' | 'free_space'

/** Something that is deleted as a whole: a tenant's day, or one segment of it. */
export interface SpaceUnit {
  readonly tenant: string
  readonly day: number
  readonly sizeBytes: number
  /** Name of the segment; absent for the whole day. */
  readonly segment?: string
}

/** A unit to delete. */
export interface Drop extends SpaceUnit {
  readonly reason: SpaceReason
}

/** What keeps a plan from freeing enough. */
export type Obstacle =
  /** Everything else is younger than `retention_min_age`, or at level 0. */
  | 'age'
  /** Other files fill the disk, and the store's own data is small. */
  | 'others'

export interface SpacePlan {
  readonly drops: readonly Drop[]
  /** Absent if the drops are enough. */
  readonly obstacle?: Obstacle
}

/** What the store holds and how much it may hold, in bytes. */
export interface SpaceState {
  readonly days: readonly DaySize[]
  /** May be deleted, in this order. */
  readonly units: readonly SpaceUnit[]
  readonly usage: DiskUsage
  /** Already deleted, but still read by queries. */
  readonly lingeringBytes: number
  readonly limits: SpaceLimits
}

/** The limits of retention by size and by free space. */
export interface SpaceLimits {
  /** Of all segments; 0 for no limit. */
  readonly maxBytes: number
  /** Free on the file system: `undefined` for the default, 0 to ignore it. */
  readonly minFreeBytes: number | undefined
  /** Of a tenant's segments; 0 for no limit. */
  readonly tenantMaxBytes: (tenant: string) => number
}

/** Returns the bytes of a tenant's day. */
export function sizeOfDay({ compactedBytes, level0Bytes }: DaySize): number {
  return compactedBytes + level0Bytes
}

/** Returns the bytes of all segments. */
export function storedBytes(days: readonly DaySize[]): number {
  return days.reduce((sum, day) => sum + sizeOfDay(day), 0)
}

/**
 * Lists what may be deleted, in order: whole days that are old enough, the oldest first and the
 * largest tenant of a day first. Then segments of later days in which everything is old enough.
 */
export function spaceUnits(
  days: readonly DaySize[],
  {
    firstKeptDay,
    segments,
    newestMs,
  }: {
    readonly firstKeptDay: number
    readonly segments: readonly DatedSegment[]
    readonly newestMs: number
  },
): SpaceUnit[] {
  const whole = days
    .filter(({ day, compactedBytes }) => day < firstKeptDay && compactedBytes > 0)
    .sort((a, b) => a.day - b.day || b.compactedBytes - a.compactedBytes)
    .map(({ tenant, day, compactedBytes }) => ({ tenant, day, sizeBytes: compactedBytes }))
  const parts = segments
    .filter(({ day, maxMs }) => day >= firstKeptDay && maxMs <= newestMs)
    .map(({ name, tenant, day, sizeBytes }) => ({ tenant, day, sizeBytes, segment: name }))
  return [...whole, ...parts]
}

/**
 * Returns the size below which the store's data does not shrink for the sake of free space: a small
 * share of the file system if other files take that much, less if they do not.
 */
export function fairBytes({ totalBytes, takenBytes }: DiskUsage, ownBytes: number): number {
  const others = Math.max(0, takenBytes - ownBytes)
  return Math.min(others, totalBytes * fairShare, minFreeBytesMax)
}

/** Plans what to delete. */
export function planSpace(state: SpaceState): SpacePlan {
  const { days, units, usage, lingeringBytes, limits } = state
  const drops: Drop[] = []
  const dropped = new Set<SpaceUnit>()
  let ownBytes = storedBytes(days)
  let freeBytes = usage.freeBytes + lingeringBytes
  let obstacle: Obstacle | undefined
  const fairest = fairBytes(usage, ownBytes + lingeringBytes)
  const drop = (unit: SpaceUnit, reason: SpaceReason) => {
    dropped.add(unit)
    drops.push({ ...unit, reason })
    ownBytes -= unit.sizeBytes
    freeBytes += unit.sizeBytes
  }

  const tenants = Map.groupBy(days, ({ tenant }) => tenant)
  for (const [tenant, ownDays] of tenants) {
    const maxBytes = limits.tenantMaxBytes(tenant)
    if (maxBytes === 0) continue
    let tenantBytes = storedBytes(ownDays)
    for (const unit of units) {
      if (tenantBytes <= maxBytes) break
      if (unit.tenant !== tenant) continue
      drop(unit, 'tenant_size')
      tenantBytes -= unit.sizeBytes
    }
    if (tenantBytes > maxBytes) obstacle = 'age'
  }

  const left = () => units.filter(unit => !dropped.has(unit))
  if (limits.maxBytes > 0) {
    for (const unit of left()) {
      if (ownBytes <= limits.maxBytes) break
      drop(unit, 'size')
    }
    if (ownBytes > limits.maxBytes) obstacle = 'age'
  }

  const neededBytes = minFreeBytes(usage, limits.minFreeBytes)
  for (const unit of left()) {
    if (freeBytes >= neededBytes) break
    if (ownBytes - unit.sizeBytes < fairest) {
      obstacle = 'others'
      break
    }
    drop(unit, 'free_space')
  }
  if (freeBytes < neededBytes) obstacle ??= ownBytes <= fairest ? 'others' : 'age'
  return { drops, ...(obstacle && { obstacle }) }
}

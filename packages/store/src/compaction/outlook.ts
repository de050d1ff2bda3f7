// Says what the store will have to delete and when: how much is written a day, by whom, and when the
// room for it ends. Pure functions.

import type { DaySize } from '../catalog/catalog.ts'
import { formatDay, secondsPerDay } from '../day.ts'
import { growthDaysMax, growthMsLeast } from '../limits.ts'
import { type DiskUsage, minFreeBytes } from '../objects/disk-usage.ts'
import { type SpaceLimits, sizeOfDay, storedBytes } from './space-plan.ts'

/** Bytes that a tenant writes a day, and what it holds. */
export interface TenantGrowth {
  readonly tenant: string
  readonly bytesPerDay: number
  readonly storedBytes: number
}

/** What will happen to the room of a store. */
export interface Outlook {
  readonly usage: DiskUsage
  /** Bytes of all segments. */
  readonly storedBytes: number
  /** Bytes that may be stored before the oldest day goes. Infinite if nothing limits them. */
  readonly capacityBytes: number
  /** Bytes that must stay free; 0 if free space does not matter. */
  readonly minFreeBytes: number
  /** The largest writer first. */
  readonly growth: readonly TenantGrowth[]
  readonly bytesPerDay: number
  /** Until the oldest day goes; 0 if that is now, `undefined` if retention by age is always first. */
  readonly fullInDays: number | undefined
  /** The day that goes first; `undefined` if nothing is stored. */
  readonly oldestDay: number | undefined
}

/** What the outlook is derived from. */
export interface OutlookState {
  readonly days: readonly DaySize[]
  readonly usage: DiskUsage
  readonly limits: SpaceLimits
  readonly nowMs: number
  /** Longest retention period of a tenant in days; infinite if its entries stay forever. */
  readonly keptDays: (tenant: string) => number
}

const dayMs = secondsPerDay * 1000

/** Derives the outlook. */
export function createOutlook({ days, usage, limits, nowMs, keptDays }: OutlookState): Outlook {
  const stored = storedBytes(days)
  const growth = measureGrowth(days, nowMs)
  const bytesPerDay = growth.reduce((sum, tenant) => sum + tenant.bytesPerDay, 0)
  const neededBytes = minFreeBytes(usage, limits.minFreeBytes)
  const capacityBytes = Math.min(
    limits.maxBytes || Number.POSITIVE_INFINITY,
    neededBytes === 0 ? Number.POSITIVE_INFINITY : stored + usage.freeBytes - neededBytes,
  )
  // Retention by age ends the growth of tenants that have it, and the size of those that are at
  // their own limit stays.
  const mostBytes = growth.reduce((sum, { tenant, bytesPerDay: rate }) => {
    const byAge = rate === 0 ? 0 : rate * (keptDays(tenant) + 1)
    const bySize = limits.tenantMaxBytes(tenant) || Number.POSITIVE_INFINITY
    return sum + Math.min(byAge, bySize)
  }, 0)
  const leftBytes = Math.max(0, capacityBytes - stored)
  const isEverFull = bytesPerDay > 0 && mostBytes > capacityBytes
  return {
    ...{
      usage,
      storedBytes: stored,
      capacityBytes,
      minFreeBytes: neededBytes,
      growth,
      bytesPerDay,
    },
    fullInDays: isEverFull || leftBytes === 0 ? leftBytes / (bytesPerDay || 1) : undefined,
    oldestDay: days[0]?.day,
  }
}

/**
 * Measures what each tenant writes a day: the mean of its recent complete days, or today's bytes
 * extended to a whole day if the store has no complete day.
 */
function measureGrowth(days: readonly DaySize[], nowMs: number): TenantGrowth[] {
  const today = Math.floor(nowMs / dayMs)
  const isComplete = (day: number) => day < today && day >= today - growthDaysMax
  const firstDay = days.find(({ day }) => isComplete(day))?.day
  const elapsedMs = Math.max(growthMsLeast, nowMs - today * dayMs)
  const rateOf = (own: readonly DaySize[]) => {
    if (firstDay !== undefined) {
      return storedBytes(own.filter(({ day }) => isComplete(day))) / (today - firstDay)
    }
    const todays = own.find(({ day }) => day === today)
    return todays ? (sizeOfDay(todays) * dayMs) / elapsedMs : 0
  }
  return [...Map.groupBy(days, ({ tenant }) => tenant)]
    .map(([tenant, own]) => ({
      tenant,
      bytesPerDay: rateOf(own),
      storedBytes: storedBytes(own),
    }))
    .sort((a, b) => b.bytesPerDay - a.bytesPerDay)
}

/**
 * Writes the outlook as a sentence: `full in 9 days at 1.2 GB a day; payments writes 61 %; 2026-11-01
 * goes first`.
 */
export function formatOutlook(outlook: Outlook): string {
  const { fullInDays, bytesPerDay, growth, oldestDay, capacityBytes, storedBytes: stored } = outlook
  if (bytesPerDay === 0) return `holds ${formatBytes(stored)}, and nothing was written lately`
  const rate = `${formatBytes(bytesPerDay)} a day`
  const [largest] = growth
  const share = (largest!.bytesPerDay / bytesPerDay) * 100
  const writer = growth.length > 1 ? `; ${largest!.tenant} writes ${share.toFixed(0)} %` : ''
  if (fullInDays === undefined) {
    const why =
      capacityBytes === Number.POSITIVE_INFINITY
        ? 'no limit is set'
        : 'retention by age comes first'
    return `never full (${why}) at ${rate}${writer}`
  }
  const first = oldestDay === undefined ? '' : `; ${formatDay(oldestDay)} goes first`
  return `${formatFull(fullInDays)} at ${rate}${writer}${first}`
}

function formatFull(days: number): string {
  if (days === 0) return 'full: new lines replace the oldest'
  if (days < 2) return `full in ${Math.max(1, Math.round(days * 24))} hours`
  return days > 3650 ? 'full in more than 10 years' : `full in ${Math.floor(days)} days`
}

/** Formats bytes with a unit based on 1024, as the configuration takes them: `1.2 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let size = bytes
  while (size >= 1024 && units.length > 1) {
    size /= 1024
    units.shift()
  }
  return `${units[0] === 'B' ? Math.round(size) : size.toFixed(1)} ${units[0]}`
}

// Deletes the oldest days when the store or a tenant takes more bytes than it may, or when the disk
// has less free space than it should. Entries leave as retention by age does it: the catalog first,
// then the files.

import { nsPerMs } from '@skald/go-dialect'
import type { Logger } from 'pino'
import type { Catalog } from '../catalog/catalog.ts'
import type { SpaceConfig } from '../config.ts'
import { dayOf, formatDay, nsPerDay } from '../day.ts'
import { compactLevel0Bytes, outlookLogMs, spaceIntervalMs, spaceRetryMs } from '../limits.ts'
import { type DiskUsage, level0DueBytes, minFreeBytes } from '../objects/disk-usage.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import { forgetLostStreams } from './lost-streams.ts'
import { createOutlook, formatOutlook, type Outlook } from './outlook.ts'
import { createRetentionPeriods } from './retention-periods.ts'
import {
  type Drop,
  type Obstacle,
  planSpace,
  type SpaceLimits,
  type SpaceReason,
  spaceUnits,
  storedBytes,
} from './space-plan.ts'

export interface SpaceRetentionOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly objects: Pick<ObjectStore, 'list'>
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly settings: SpaceConfig
  readonly limitsOf: (
    tenant: string,
  ) => Pick<TenantLimits, 'retentionMaxBytes' | 'retentionNs' | 'retentionStreams'>
  readonly readUsage: () => Promise<DiskUsage>
  /** Called for everything that was deleted. */
  readonly onDelete: (tenant: string, reason: SpaceReason, bytes: number) => void
}

/** Deletes by size and by free space. */
export class SpaceRetention {
  readonly #options: SpaceRetentionOptions
  #lookedMs = Number.NEGATIVE_INFINITY
  /** What kept the last plan from freeing enough, which was logged. */
  #obstacle: Obstacle | undefined
  #toldMs = Number.NEGATIVE_INFINITY

  constructor(options: SpaceRetentionOptions) {
    this.#options = options
  }

  /** What limits the store's size. */
  get limits(): SpaceLimits {
    const { settings, limitsOf } = this.#options
    return {
      maxBytes: settings.maxBytes,
      minFreeBytes: settings.minFreeBytes,
      tenantMaxBytes: tenant => limitsOf(tenant).retentionMaxBytes,
    }
  }

  /** Returns the bytes at which level 0 is merged: fewer while the disk is short of free space. */
  async level0DueBytes(): Promise<number> {
    const usage = await this.#options.readUsage()
    const isShort = usage.freeBytes < minFreeBytes(usage, this.#options.settings.minFreeBytes)
    return isShort ? level0DueBytes(usage) : compactLevel0Bytes
  }

  /**
   * Deletes what must go. Call it only while no merge is running.
   *
   * @param isUrgent Whether a push waits for room. If not, it does nothing where nothing is likely
   * to have changed.
   * @returns true if it deleted something.
   */
  async apply({ isUrgent }: { readonly isUrgent: boolean }): Promise<boolean> {
    const { catalog, clock, settings, readUsage } = this.#options
    const nowMs = clock.now()
    const usage = await readUsage()
    if (!isUrgent && !this.#isDue(usage, nowMs)) return false
    this.#lookedMs = nowMs
    const newestMs = nowMs - settings.minAgeMs
    const firstKeptDay = dayOf(BigInt(Math.floor(newestMs)) * nsPerMs)
    const days = await catalog.daySizes()
    const units = spaceUnits(days, {
      firstKeptDay,
      segments: await catalog.segmentsSince(firstKeptDay),
      newestMs,
    })
    const lingeringBytes = await this.#lingeringBytes()
    const plan = planSpace({ days, units, usage, lingeringBytes, limits: this.limits })
    for (const drop of plan.drops) await this.#drop(drop)
    this.#report(plan.obstacle, { usage, storedBytes: storedBytes(days) })
    await this.#tell(nowMs)
    return plan.drops.length > 0
  }

  /** Returns what will have to go and when. */
  async outlook(): Promise<Outlook> {
    const { catalog, clock, limitsOf, readUsage } = this.#options
    return createOutlook({
      days: await catalog.daySizes(),
      usage: await readUsage(),
      limits: this.limits,
      nowMs: clock.now(),
      keptDays: tenant => {
        const { longestNs } = createRetentionPeriods(limitsOf(tenant))
        return longestNs === 0n ? Number.POSITIVE_INFINITY : Number(longestNs / nsPerDay)
      },
    })
  }

  /** Logs the outlook once a day. */
  async #tell(nowMs: number): Promise<void> {
    const sinceMs = nowMs - this.#toldMs
    if (sinceMs >= 0 && sinceMs < outlookLogMs) return
    const outlook = await this.outlook()
    if (outlook.storedBytes === 0) return
    this.#toldMs = nowMs
    const { storedBytes: bytes, usage, minFreeBytes: kept } = outlook
    this.#options.logger.info(
      { storedBytes: bytes, freeBytes: usage.freeBytes, minFreeBytes: kept },
      `outlook: ${formatOutlook(outlook)}`,
    )
  }

  #isDue(usage: DiskUsage, nowMs: number): boolean {
    const sinceMs = nowMs - this.#lookedMs
    if (sinceMs < 0 || sinceMs >= spaceIntervalMs) return true
    if (usage.freeBytes >= minFreeBytes(usage, this.#options.settings.minFreeBytes)) return false
    return this.#obstacle === undefined || sinceMs >= spaceRetryMs
  }

  /** Returns the bytes of dropped segments that queries still read. */
  async #lingeringBytes(): Promise<number> {
    const { catalog, objects } = this.#options
    const dropped = new Set(await catalog.listDropped())
    if (dropped.size === 0) return 0
    let bytes = 0
    for (const { name, sizeBytes } of await objects.list())
      if (dropped.has(name)) bytes += sizeBytes
    return bytes
  }

  async #drop({ tenant, day, segment, sizeBytes, reason }: Drop): Promise<void> {
    const { catalog, segments, logger, onDelete } = this.#options
    if (segment === undefined) {
      await segments.drop(await catalog.dropBefore(tenant, day + 1))
    } else {
      await catalog.addSegments([], [segment])
      await segments.drop([segment])
      const startNs = BigInt(day) * nsPerDay
      await forgetLostStreams({ catalog, segments }, tenant, {
        startNs,
        endNs: startNs + nsPerDay,
      })
    }
    onDelete(tenant, reason, sizeBytes)
    logger.info(
      { tenant, day: formatDay(day), bytes: sizeBytes, reason: reasons[reason] },
      segment === undefined
        ? 'deleted the oldest day to make room'
        : 'deleted the oldest part of a day to make room',
    )
  }

  /** Logs what is in the way, once until it changes. */
  #report(
    obstacle: Obstacle | undefined,
    { usage, storedBytes: ownBytes }: { readonly usage: DiskUsage; readonly storedBytes: number },
  ): void {
    const { logger, settings } = this.#options
    if (obstacle !== undefined && obstacle !== this.#obstacle) {
      const found = {
        freeBytes: usage.freeBytes,
        minFreeBytes: minFreeBytes(usage, settings.minFreeBytes),
        storedBytes: ownBytes,
        otherBytes: Math.max(0, usage.takenBytes - ownBytes),
      }
      logger.warn(found, obstacles[obstacle])
    }
    if (obstacle === undefined && this.#obstacle !== undefined)
      logger.info('the store is within its limits of size and free space again')
    this.#obstacle = obstacle
  }
}

const reasons: Readonly<Record<SpaceReason, string>> = {
  tenant_size: 'limits_config.retention_max_bytes',
  size: 'compactor.retention_max_bytes',
  free_space: 'compactor.retention_min_free_bytes',
}

const obstacles: Readonly<Record<Obstacle, string>> = {
  age: 'cannot keep within the limits of size and free space: all other lines are younger than compactor.retention_min_age, or wait to be merged',
  others:
    'the disk is short of free space because of other files: the store keeps the little that it has. Free some disk space',
}

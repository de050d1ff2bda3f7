// Deletes entries that are older than their retention period, by whole days, so that an entry stays
// at most a day longer. A segment above level 0 is one tenant's day. It is deleted when the
// tenant's longest period, or that of every stream in it, has passed. If only some of its streams
// have expired, it is rewritten without them.

import { setImmediate } from 'node:timers/promises'
import { nsPerMs } from '@skald/go-dialect'
import { parseLabelSet } from '@skald/wire'
import type { Logger } from 'pino'
import type { Catalog, SegmentPartInfo } from '../catalog/catalog.ts'
import { dayOf, nsPerDay } from '../day.ts'
import { retentionIntervalMs, retentionStreamsAtOnce } from '../limits.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TenantLimits } from '../tenant-limits.ts'
import type { Choice } from './choose.ts'
import { forgetLostStreams } from './lost-streams.ts'
import { createRetentionPeriods, type RetentionPeriods } from './retention-periods.ts'

export interface RetentionOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly limitsOf: (tenant: string) => Pick<TenantLimits, 'retentionNs' | 'retentionStreams'>
}

/** A segment of which only some streams have expired. */
interface MixedSegment extends SegmentPartInfo {
  readonly expired: readonly string[]
}

/** Deletes segments by age. */
export class Retention {
  readonly #options: RetentionOptions
  #appliedMs: number | undefined
  /** Segments to rewrite. `apply` lists them again each time. */
  #rewrites: Choice[] = []
  /** Days on which tenants lost streams that the catalog may still list. */
  readonly #changed = new Map<string, Set<number>>()

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** True if it was not applied for a while, or if the clock was set back. */
  get isDue(): boolean {
    if (this.#appliedMs === undefined) return true
    const sinceMs = this.#options.clock.now() - this.#appliedMs
    return sinceMs >= retentionIntervalMs || sinceMs < 0
  }

  /**
   * Deletes segments that have expired as a whole, and lists those to rewrite. Call it only while
   * no merge is running.
   */
  async apply(): Promise<void> {
    const { catalog, clock, limitsOf } = this.#options
    const nowMs = clock.now()
    this.#rewrites = []
    for (const tenant of await catalog.tenants()) {
      const periods = createRetentionPeriods(limitsOf(tenant))
      const firstDay = (periodNs: bigint) => dayOf(BigInt(nowMs) * nsPerMs - periodNs)
      if (periods.longestNs > 0n) {
        const names = await catalog.dropBefore(tenant, firstDay(periods.longestNs))
        await this.#drop(tenant, names)
      }
      if (periods.shortestNs === periods.longestNs) continue
      await this.#applyToStreams(tenant, periods, firstDay)
    }
    this.#appliedMs = nowMs
  }

  /**
   * Returns the next segment to rewrite. When none is left, removes lost streams from the catalog.
   */
  async next(): Promise<Choice | undefined> {
    const { catalog } = this.#options
    while (this.#rewrites.length > 0) {
      const choice = this.#rewrites.shift()!
      const { tenant, day } = choice.outputs[0]!
      const range = { startNs: BigInt(day) * nsPerDay, endNs: BigInt(day + 1) * nsPerDay }
      const found = await catalog.findSegments(tenant, range)
      // If it was merged in the meantime, the next `apply` finds the result.
      if (found.some(({ name }) => name === choice.inputs[0])) return choice
    }
    for (const [tenant, days] of this.#changed) {
      for (const day of days) {
        const startNs = BigInt(day) * nsPerDay
        await forgetLostStreams(this.#options, tenant, { startNs, endNs: startNs + nsPerDay })
      }
    }
    this.#changed.clear()
    return undefined
  }

  async #applyToStreams(
    tenant: string,
    periods: RetentionPeriods,
    firstDay: (periodNs: bigint) => number,
  ): Promise<void> {
    const { catalog, segments } = this.#options
    const candidates = (await catalog.listParts('compacted')).filter(
      part => part.tenant === tenant && part.day < firstDay(periods.shortestNs),
    )
    const isExpired = (day: number) => (labelsText: string) => {
      const periodNs = periods.periodOf(parseLabelSet(labelsText))
      return periodNs > 0n && day < firstDay(periodNs)
    }
    if (this.#appliedMs === undefined) {
      // A process that was killed may have left lost streams in the catalog.
      const lastDay = firstDay(periods.shortestNs) - 1
      for (const day of await catalog.activeDays(tenant, 0, lastDay)) this.#noteChange(tenant, day)
    }
    const whole: string[] = []
    for (const part of candidates) {
      const { parts } = await segments.footer(part.name, part.sizeBytes)
      const streams = parts.flatMap(({ streams: texts }) => texts)
      const isPast = isExpired(part.day)
      const expired: string[] = []
      for (const [i, text] of streams.entries()) {
        if (isPast(text)) expired.push(text)
        if (i % retentionStreamsAtOnce === retentionStreamsAtOnce - 1) await setImmediate()
      }
      if (expired.length === 0) continue
      this.#noteChange(tenant, part.day)
      if (expired.length === streams.length) whole.push(part.name)
      else this.#rewrites.push(rewriteOf({ ...part, expired }))
    }
    await catalog.addSegments([], whole)
    await this.#drop(tenant, whole)
  }

  async #drop(tenant: string, names: readonly string[]): Promise<void> {
    const { segments, logger } = this.#options
    if (names.length === 0) return
    await segments.drop(names)
    logger.info({ tenant, segments: names.length }, 'deleted segments past their retention')
  }

  #noteChange(tenant: string, day: number): void {
    const days = this.#changed.get(tenant)
    if (days) days.add(day)
    else this.#changed.set(tenant, new Set([day]))
  }
}

function rewriteOf({ name, tenant, day, level, sequence, expired }: MixedSegment): Choice {
  return {
    ...{ inputs: [name], outputs: [{ tenant, day }], level, sequence },
    isRewrite: true,
    expired,
  }
}

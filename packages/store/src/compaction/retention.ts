// Lets go of what is older than a tenant's retention period. Whole days go: a segment above level 0 is
// one tenant's day, so nothing has to be written again, and an entry stays at most a day longer.

import type { Logger } from 'pino'
import type { Catalog } from '../catalog/catalog.ts'
import { dayOf } from '../day.ts'
import type { SegmentIndex } from '../segment-index.ts'

export interface RetentionOptions {
  readonly catalog: Catalog
  readonly segments: SegmentIndex
  readonly logger: Logger
  readonly clock: { now(): number }
  /** How long a tenant's entries are kept; 0 for ever. */
  readonly periodNs: (tenant: string) => bigint
}

/** How often it is looked for what is too old: a small part of a day. */
const intervalMs = 10 * 60_000

/** Deletes segments by age. */
export class Retention {
  readonly #options: RetentionOptions
  #appliedMs: number | undefined

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** Whether it was not applied for a while; a clock that was set back counts as that. */
  get isDue(): boolean {
    const sinceMs = this.#options.clock.now() - (this.#appliedMs ?? -intervalMs)
    return this.#appliedMs === undefined || sinceMs >= intervalMs || sinceMs < 0
  }

  /** Takes out what is too old now. No merge may be under way. */
  async apply(): Promise<void> {
    const { catalog, segments, logger, clock, periodNs } = this.#options
    const nowMs = clock.now()
    for (const tenant of await catalog.tenants()) {
      const keepNs = periodNs(tenant)
      if (keepNs <= 0n) continue
      const firstDay = dayOf(BigInt(nowMs) * 1_000_000n - keepNs)
      const names = await catalog.dropBefore(tenant, firstDay)
      if (names.length === 0) continue
      await segments.drop(names)
      logger.info({ tenant, segments: names.length }, 'deleted segments past their retention')
    }
    this.#appliedMs = nowMs
  }
}

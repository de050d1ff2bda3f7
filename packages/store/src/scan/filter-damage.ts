// Reports damaged filters: each segment once, because every query that needs them finds them again.

import type { Logger } from 'pino'
import { damagedSegmentsKnownMax } from '../limits.ts'

export interface FilterDamageParts {
  readonly logger: Logger
  /** Called once for each segment. */
  readonly onSegment: () => void
}

/** The segments whose damage was reported. */
export class FilterDamage {
  readonly #logger: Logger
  readonly #onSegment: () => void
  readonly #known = new Set<string>()

  constructor({ logger, onSegment }: FilterDamageParts) {
    this.#logger = logger
    this.#onSegment = onSegment
  }

  report(segment: string, damage: string): void {
    if (this.#known.has(segment)) return
    const [oldest] = this.#known
    if (this.#known.size >= damagedSegmentsKnownMax) this.#known.delete(oldest!)
    this.#known.add(segment)
    this.#onSegment()
    this.#logger.warn(
      { segment, damage },
      'filters of a segment are damaged: searches read its blocks instead and are slower. No line is lost by that',
    )
  }
}

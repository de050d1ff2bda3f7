// Reports damaged segments: each once, because every query that needs one finds the damage again.

import type { Logger } from 'pino'
import { damagedSegmentsKnownMax } from '../limits.ts'
import type { DamagedThing } from '../metrics.ts'

/** Receives the name of a segment, what of it is damaged, and how. */
export type SegmentDamageHandler = (segment: string, thing: DamagedThing, damage: string) => void

export interface SegmentDamageParts {
  readonly logger: Logger
  /** Called once for each segment and thing. */
  readonly onSegment: (thing: DamagedThing) => void
}

const consequences: Readonly<Record<DamagedThing, string>> = {
  filters:
    'filters of a segment are damaged: searches read its blocks instead and are slower. No line is lost by that',
  lines:
    'a segment is damaged or missing: queries answer without its damaged part, and their warnings say so',
  counts:
    'counts of a segment are damaged: queries that count lines read its blocks instead and are slower. No line is lost by that',
}

/** The segments whose damage was reported. */
export class SegmentDamage {
  readonly #logger: Logger
  readonly #onSegment: (thing: DamagedThing) => void
  readonly #known = new Set<string>()

  constructor({ logger, onSegment }: SegmentDamageParts) {
    this.#logger = logger
    this.#onSegment = onSegment
  }

  report(segment: string, thing: DamagedThing, damage: string): void {
    const key = `${thing} ${segment}`
    if (this.#known.has(key)) return
    const [oldest] = this.#known
    if (this.#known.size >= damagedSegmentsKnownMax) this.#known.delete(oldest!)
    this.#known.add(key)
    this.#onSegment(thing)
    const level = thing === 'lines' ? 'error' : 'warn'
    this.#logger[level]({ segment, damage }, consequences[thing])
  }
}

// Passes the commits of all replicas to the live tails of this one, in the order of the catalog.

import type { Logger } from 'pino'
import type { SegmentInfo } from '../catalog/catalog.ts'
import type { SegmentIndex } from '../segment-index.ts'
import type { TailHub } from '../tail/tail-hub.ts'
import type { SharedObjects } from './shared-objects.ts'

export interface TailFeedParts {
  readonly hub: Pick<TailHub, 'isIdle' | 'commit'>
  readonly objects: Pick<SharedObjects, 'holdWhole'>
  readonly segments: Pick<SegmentIndex, 'acquire'>
  readonly logger: Logger
}

type Committed = Pick<SegmentInfo, 'name' | 'sizeBytes'>

/** Brings segments of level 0 onto the disk, one after the other, while somebody tails. */
export class TailFeed {
  readonly #parts: TailFeedParts
  #fed: Promise<void> = Promise.resolve()

  constructor(parts: TailFeedParts) {
    this.#parts = parts
  }

  /** Passes on segments of level 0 that were just entered. Returns at once. */
  feed(segments: readonly Committed[]): void {
    if (segments.length === 0 || this.#parts.hub.isIdle) return
    // A merge may replace them before they are read.
    const release = this.#parts.segments.acquire(segments.map(({ name }) => name))
    this.#fed = this.#fed.then(() => this.#feedAll(segments)).then(release)
  }

  async #feedAll(segments: readonly Committed[]): Promise<void> {
    const { hub, objects, logger } = this.#parts
    for (const { name, sizeBytes } of segments) {
      try {
        hub.commit(name, sizeBytes, await objects.holdWhole([name]))
      } catch (error) {
        logger.error(
          { segment: name, reason: (error as Error).message },
          'live tails missed the entries of a segment',
        )
      }
    }
  }
}

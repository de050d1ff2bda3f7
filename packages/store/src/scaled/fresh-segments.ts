// Fetches segments of level 0 that other replicas have just committed, so that a query of the last minutes does not
// begin with hundreds of small reads. A replica that nobody asks anything fetches nothing.

import type { SegmentInfo } from '../catalog/catalog.ts'
import { freshAskedMs, freshReadsMax } from '../limits.ts'
import type { SharedObjects } from './shared-objects.ts'

export interface FreshSegmentsParts {
  readonly objects: Pick<SharedObjects, 'holdWhole'>
  /** Time of the last query, in the milliseconds of `performance.now()`; undefined if there was none. */
  readonly askedMs: () => number | undefined
}

/** Fetches what is fresh. */
export class FreshSegments {
  readonly #parts: FreshSegmentsParts
  #reads = 0

  constructor(parts: FreshSegmentsParts) {
    this.#parts = parts
  }

  /** Fetches segments of level 0 that were just entered, if queries may want them. Returns at once. */
  fetch(segments: readonly Pick<SegmentInfo, 'name'>[]): void {
    const askedMs = this.#parts.askedMs()
    if (askedMs === undefined || performance.now() - askedMs > freshAskedMs) return
    for (const { name } of segments) {
      // A replica that is behind by many has its queries fetch what they need.
      if (this.#reads >= freshReadsMax) return
      this.#reads++
      this.#parts.objects
        .holdWhole([name])
        .then(
          release => release(),
          // A query that needs it tries again, and has the error.
          () => undefined,
        )
        .finally(() => this.#reads--)
    }
  }
}

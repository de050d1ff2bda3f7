// Keeps what a scan reads on the disk, where segments are in a bucket and the disk is a cache.

import type { SegmentRange } from '../bucket/cached-segments.ts'
import { storedBytes } from '../segment/format.ts'
import type { BlockGroup } from './messages.ts'

/** Brings ranges onto the disk, and keeps them there until the returned function is called. */
export type HoldRanges = (wanted: readonly SegmentRange[]) => Promise<() => void>

/** The blocks of a scan that must stay on the disk, because threads read them. */
export class HeldGroups {
  readonly #hold: HoldRanges
  readonly #releases = new Set<() => void>()
  #hasEnded = false

  constructor(hold: HoldRanges) {
    this.#hold = hold
  }

  /** Brings the blocks of a task. The returned function lets them go. */
  async take(groups: readonly BlockGroup[]): Promise<() => void> {
    const wanted = groups.flatMap(group =>
      group.map(({ segment, record }) => ({
        segment,
        offsetBytes: record.offsetBytes,
        length: storedBytes(record),
      })),
    )
    const release = await this.#hold(wanted)
    if (this.#hasEnded) release()
    else this.#releases.add(release)
    return () => {
      this.#releases.delete(release)
      release()
    }
  }

  /** Lets all go. Threads that still read see that the scan was cancelled. */
  end(): void {
    this.#hasEnded = true
    for (const release of this.#releases) release()
    this.#releases.clear()
  }
}

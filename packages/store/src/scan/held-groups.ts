// Keeps what a scan reads on the disk, where segments are in a bucket and the disk is a cache.

import type { SegmentRange } from '../bucket/cached-segments.ts'
import { storedBytes } from '../segment/format.ts'
import type { BlockGroup } from './messages.ts'

/** Brings ranges onto the disk, and keeps them there until the returned function is called. */
export type HoldRanges = (wanted: readonly SegmentRange[]) => Promise<() => void>

/** Groups that were fetched before a task took them. */
interface Ahead {
  /** How many of them no task has taken yet. */
  left: number
  release: () => void
}

/** The blocks of a scan that must stay on the disk, because threads read them. */
export class HeldGroups {
  readonly #hold: HoldRanges
  readonly #releases = new Set<() => void>()
  readonly #ahead = new Map<BlockGroup, Ahead>()
  #hasEnded = false

  constructor(hold: HoldRanges) {
    this.#hold = hold
  }

  /** Begins to fetch blocks that tasks will have. They stay until tasks have taken all of them. */
  fetch(groups: readonly BlockGroup[]): void {
    if (groups.length === 0 || this.#hasEnded) return
    const ahead: Ahead = { left: groups.length, release: () => undefined }
    for (const group of groups) this.#ahead.set(group, ahead)
    this.#hold(rangesOf(groups)).then(
      release => {
        if (ahead.left === 0 || this.#hasEnded) release()
        else ahead.release = this.#keep(release)
      },
      // The task that needs them tries again, and has the error.
      () => undefined,
    )
  }

  /** Brings the blocks of a task. The returned function lets them go. */
  async take(groups: readonly BlockGroup[]): Promise<() => void> {
    const held = await this.#hold(rangesOf(groups))
    for (const group of groups) {
      const ahead = this.#ahead.get(group)
      this.#ahead.delete(group)
      if (ahead && --ahead.left === 0) ahead.release()
    }
    if (!this.#hasEnded) return this.#keep(held)
    held()
    return () => undefined
  }

  /** Returns a function that releases once, unless all were let go before. */
  #keep(release: () => void): () => void {
    this.#releases.add(release)
    return () => {
      if (this.#releases.delete(release)) release()
    }
  }

  /** Lets all go. Threads that still read see that the scan was cancelled. */
  end(): void {
    this.#hasEnded = true
    for (const release of this.#releases) release()
    this.#releases.clear()
    this.#ahead.clear()
  }
}

function rangesOf(groups: readonly BlockGroup[]): SegmentRange[] {
  return groups.flatMap(group =>
    group.map(({ segment, record }) => ({
      segment,
      offsetBytes: record.offsetBytes,
      length: storedBytes(record),
    })),
  )
}

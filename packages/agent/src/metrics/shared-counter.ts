// Counts what each lane does for itself, such as reading a file, as the one thing that it is: with two
// clients each line is read twice, and counts once, when the lane that is ahead comes to it.

import type { Counter } from 'prom-client'

/** Labels of one series. */
export type SeriesLabels = Readonly<Record<string, string>>

/** A counter as one lane has it. */
export interface LaneCounter {
  inc(labels: SeriesLabels, amount?: number): void
}

/** A counter that lanes share. */
export class SharedCounter {
  readonly #counter: Counter
  /** What is shown of each series. */
  readonly #shown = new Map<string, number>()
  readonly #lanes = new Map<string, Map<string, number>>()

  constructor(counter: Counter) {
    this.#counter = counter
  }

  forLane(lane: string): LaneCounter {
    return { inc: (labels, amount = 1) => this.#inc(lane, labels, amount) }
  }

  #inc(lane: string, labels: SeriesLabels, amount: number): void {
    const key = keyOf(labels)
    let counts = this.#lanes.get(lane)
    if (!counts) {
      // One that takes the place of another goes on from there.
      counts = this.#lanes.size === 0 ? new Map(this.#shown) : new Map<string, number>()
      this.#lanes.set(lane, counts)
    }
    const count = (counts.get(key) ?? 0) + amount
    counts.set(key, count)
    const shown = this.#shown.get(key)
    if (shown !== undefined && count <= shown) return
    this.#shown.set(key, count)
    this.#counter.inc(labels, count - (shown ?? 0))
  }

  /** A lane has ended: what it counted stays. */
  endLane(lane: string): void {
    this.#lanes.delete(lane)
  }

  /** Nobody counts a series any more. */
  remove(labels: SeriesLabels): void {
    const key = keyOf(labels)
    this.#shown.delete(key)
    for (const counts of this.#lanes.values()) counts.delete(key)
    this.#counter.remove(labels)
  }
}

function keyOf(labels: SeriesLabels): string {
  return Object.values(labels).join('\0')
}

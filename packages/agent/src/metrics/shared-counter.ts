// Counts work that each lane repeats, such as reading a file, only once. With two clients every line is
// read twice and counts once, when the leading lane reads it.

import type { Counter } from 'prom-client'

/** Labels of one series. */
export type SeriesLabels = Readonly<Record<string, string>>

/** A lane's view of the counter. */
export interface LaneCounter {
  inc(labels: SeriesLabels, amount?: number): void
}

/** A counter that lanes share. */
export class SharedCounter {
  readonly #counter: Counter
  /** The published value of each series. */
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
      // A lane that replaces another continues from its count.
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

  /** Ends a lane. Its counts stay. */
  endLane(lane: string): void {
    this.#lanes.delete(lane)
  }

  /** Removes a series that nobody counts any more. */
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

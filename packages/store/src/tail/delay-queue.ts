// Delays entries so that entries of slower sources can be sorted in.

import type { TailEntry } from './messages.ts'

interface Held {
  readonly entry: TailEntry
  readonly arrivedMs: number
}

/** Holds entries for a fixed time. Without a delay they leave in order of arrival. */
export class DelayQueue {
  readonly #delayMs: number
  /** In order of arrival. */
  #held: Held[] = []

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  add(entry: TailEntry, nowMs: number): void {
    this.#held.push({ entry, arrivedMs: nowMs })
  }

  /** When the next entries are due, or `undefined` if there are none. */
  get dueMs(): number | undefined {
    const first = this.#held[0]
    return first && first.arrivedMs + this.#delayMs
  }

  /**
   * Removes and returns the entries that are due, and all with earlier timestamps; ascending by
   * time.
   */
  take(nowMs: number): TailEntry[] {
    const held = this.#held
    if (this.#delayMs === 0) {
      this.#held = []
      return held.map(({ entry }) => entry)
    }
    let newestDue: bigint | undefined
    for (const { entry, arrivedMs } of held) {
      if (arrivedMs + this.#delayMs > nowMs) break
      if (newestDue === undefined || entry.timestampNs > newestDue) newestDue = entry.timestampNs
    }
    if (newestDue === undefined) return []
    const limit = newestDue
    this.#held = held.filter(({ entry }) => entry.timestampNs > limit)
    return held
      .map(({ entry }) => entry)
      .filter(entry => entry.timestampNs <= limit)
      .sort((a, b) => (a.timestampNs < b.timestampNs ? -1 : a.timestampNs > b.timestampNs ? 1 : 0))
  }
}

// Entries that are held back for a while, so that those of slower sources fall into their place in time.

import type { TailEntry } from './messages.ts'

interface Held {
  readonly entry: TailEntry
  readonly arrivedMs: number
}

/** Holds entries back for a fixed time; without one they leave in order of arrival. */
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

  /** When the next entries are due; `undefined` while none are held. */
  get dueMs(): number | undefined {
    const first = this.#held[0]
    return first && first.arrivedMs + this.#delayMs
  }

  /** Takes out what was held long enough, and all that is not later than that, ascending by time. */
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

// Times for lines whose own time cannot be read: just after the last known time of their stream, so
// that they keep their place, or the time of reading where none is known.

import { lastTimesMax } from '../limits.ts'
import type { PipelineEntry } from './entry.ts'

/** Remembers the last time of each label set. */
export class LastTimes {
  readonly #times = new Map<string, bigint>()

  /** Notes the time of an entry under its labels of this moment. */
  note(labelsText: string, timestampNs: bigint): void {
    this.#times.delete(labelsText)
    this.#times.set(labelsText, timestampNs)
    if (this.#times.size > lastTimesMax) {
      for (const oldest of this.#times.keys()) {
        this.#times.delete(oldest)
        break
      }
    }
  }

  /** Gives an entry the time after the last known one; leaves it the time of reading otherwise. */
  apply(entry: PipelineEntry): void {
    const text = entry.labels.text
    const last = this.#times.get(text)
    if (last === undefined) return
    const timestampNs = entry.origin.pinTimeNs(entry.startOffset, last + 1n)
    entry.timestampNs = timestampNs
    this.note(text, timestampNs)
  }
}

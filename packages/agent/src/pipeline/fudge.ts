// Times for lines whose own time is unreadable: just after the last known time of their stream, so that
// they keep their order, or else the time of reading.

import { lastTimesMax } from '../limits.ts'
import type { PipelineEntry } from './entry.ts'

/** Remembers the last time of each label set. */
export class LastTimes {
  readonly #times = new Map<string, bigint>()

  /** Records the time of an entry under its current labels. */
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

  /** Sets an entry's time to just after the last known one. Leaves the time of reading if none is known. */
  apply(entry: PipelineEntry): void {
    const text = entry.labels.text
    const last = this.#times.get(text)
    if (last === undefined) return
    const timestampNs = entry.origin.pinTimeNs(entry.startOffset, last + 1n)
    entry.timestampNs = timestampNs
    this.note(text, timestampNs)
  }
}

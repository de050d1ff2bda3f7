// Times for lines that come without one. Each is later than the one before, so that equal lines stay apart. A
// document with an id that comes again gets the time it had before, so that it is stored once.

import { nsPerMs } from '@skald/go-dialect'
import { knownIdsMax } from '../limits.ts'

/** Hands out times. All receivers of a store share one. */
export class ArrivalTimes {
  readonly #clock: { now(): number }
  #lastNs = 0n
  /** Id → its time, least recently seen first. */
  readonly #known = new Map<string, bigint>()

  constructor(clock: { now(): number }) {
    this.#clock = clock
  }

  /** Returns the current time, or a little more. */
  next(): bigint {
    const nowNs = BigInt(this.#clock.now()) * nsPerMs
    this.#lastNs = nowNs > this.#lastNs ? nowNs : this.#lastNs + 1n
    return this.#lastNs
  }

  /** Returns the time of the document with an id: the same each time, as long as the id is remembered. */
  of(id: string): bigint {
    const timeNs = this.#known.get(id) ?? this.next()
    this.#known.delete(id)
    this.#known.set(id, timeNs)
    if (this.#known.size > knownIdsMax) {
      const { value } = this.#known.keys().next()
      if (value !== undefined) this.#known.delete(value)
    }
    return timeNs
  }
}

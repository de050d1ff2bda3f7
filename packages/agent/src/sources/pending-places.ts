// Places of lines that no server has accepted yet, in the order of the lines.

import type { Flow } from './inlet.ts'

/** Remembers, for each line on its way, the place after it. */
export class PendingPlaces<T> {
  readonly #pending: { readonly sequence: number; readonly place: T }[] = []

  /** Records that the line with this number ends at a place. */
  add(sequence: number, place: T): void {
    this.#pending.push({ sequence, place })
  }

  /** Returns the places after settled lines, oldest first, and forgets them. */
  takeSettled(flow: Flow): T[] {
    const settled = flow.settledSequence
    let count = 0
    while (count < this.#pending.length && this.#pending[count]!.sequence < settled) count++
    return this.#pending.splice(0, count).map(({ place }) => place)
  }
}

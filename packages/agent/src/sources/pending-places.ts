// Places of lines that no server has taken yet, in the order of the lines.

import type { Flow } from './inlet.ts'

/** What is known of lines on their way: the place behind each. */
export class PendingPlaces<T> {
  readonly #pending: { readonly sequence: number; readonly place: T }[] = []

  /** The line of this number lies before a place. */
  add(sequence: number, place: T): void {
    this.#pending.push({ sequence, place })
  }

  /** Gives the places behind lines that were answered for, oldest first, and forgets them. */
  takeSettled(flow: Flow): T[] {
    const settled = flow.settledSequence
    let count = 0
    while (count < this.#pending.length && this.#pending[count]!.sequence < settled) count++
    return this.#pending.splice(0, count).map(({ place }) => place)
  }
}

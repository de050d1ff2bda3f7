// What is wrong with the entries of one request, for its answer: the first mistakes with their place, and a count.

import { toldMistakesMax } from '../limits.ts'

/** Collects mistakes. */
export class Mistakes {
  readonly #texts: string[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  /** @param place Such as `line 7`. */
  add(place: string, message: string): void {
    this.#count++
    if (this.#texts.length < toldMistakesMax) this.#texts.push(`${place}: ${message}`)
  }

  /** Formats them for the client, with how many entries are stored. */
  format(storedCount: number): string {
    const rest = this.#count - this.#texts.length
    const more = rest > 0 ? [`and ${rest} more`] : []
    return `${this.#count} refused, ${storedCount} stored: ${[...this.#texts, ...more].join('; ')}`
  }
}

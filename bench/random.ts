// A small seeded random number generator (sfc32). The same seed gives the same numbers on every
// machine, which Math.random does not guarantee.

/** Draws numbers from one seeded sequence. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = 0x9e3779b9 | 0
    this.#c = 0x243f6a88 | 0
    // The first numbers of similar seeds are similar. A dozen rounds separate them.
    for (let i = 0; i < 12; i++) this.uint32()
  }

  /** Draws 32 bits. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** Draws a number in [0, 1). */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** Draws a whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound)
  }

  /** Draws a whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** Returns true with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** Draws one of the items, the first ones more often (a square-law skew like in real traffic). */
  skewed<T>(items: readonly T[]): T {
    const x = this.fraction()
    return items[Math.floor(x * x * items.length)]!
  }

  /** Draws one of the items, all equally often. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

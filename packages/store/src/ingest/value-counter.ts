// Estimates how many different values a label has, in bounded memory: exactly while they are few, then by
// the share of bits that they set in a bitmap (linear counting, within 1 % or 2 %).

import { exactValuesMax, valueBits } from '../limits.ts'

/** Counts different values. */
export class ValueCounter {
  #few: Set<number> | undefined = new Set()
  #bits = new Uint8Array(0)
  #unset = valueBits

  /** Adds a value. Returns false if it was certainly added before. */
  add(value: string): boolean {
    const hash = hashOf(value)
    if (this.#few) {
      if (this.#few.has(hash)) return false
      this.#few.add(hash)
      if (this.#few.size > exactValuesMax) this.#grow(this.#few)
      return true
    }
    return this.#set(hash)
  }

  /** How many there are. Never more than the bitmap can tell apart, some millions. */
  get count(): number {
    if (this.#few) return this.#few.size
    return Math.round(-valueBits * Math.log(Math.max(this.#unset, 1) / valueBits))
  }

  #grow(few: ReadonlySet<number>): void {
    this.#bits = new Uint8Array(valueBits / 8)
    for (const hash of few) this.#set(hash)
    this.#few = undefined
  }

  #set(hash: number): boolean {
    const bit = hash & (valueBits - 1)
    const mask = 1 << (bit & 7)
    if ((this.#bits[bit >> 3]! & mask) !== 0) return false
    this.#bits[bit >> 3]! |= mask
    this.#unset--
    return true
  }
}

/** FNV-1a over UTF-16, with a final mix so that its low bits are even. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 12)) >>> 0
}

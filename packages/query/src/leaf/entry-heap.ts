// The best entries of a log query so far, in a heap with the worst on top.

import { ascending } from '@skald/wire'
import type { Direction } from '../blocks/block-view.ts'
import type { EntryPlace, FoundEntry } from '../plan/leaf-result.ts'
import { compareStreams } from './stream-order.ts'

/**
 * Orders entries by time, then stream, then tenant, then push order. At equal times the streams have the same order in
 * both directions, and the order within one tenant does not depend on the others, like in Loki.
 */
export function compareEntries(a: EntryPlace, b: EntryPlace, direction: Direction): number {
  const sign = direction === 'forward' ? 1 : -1
  if (a.timestampNs !== b.timestampNs) return a.timestampNs < b.timestampNs ? -sign : sign
  return (
    compareStreams(a.streamKey, b.streamKey) ||
    ascending(a.tenant ?? '', b.tenant ?? '') ||
    sign * (a.sequence - b.sequence || a.row - b.row)
  )
}

export class EntryHeap {
  readonly #direction: Direction
  readonly #limit: number
  readonly #heap: FoundEntry[] = []

  constructor(direction: Direction, limit: number) {
    this.#direction = direction
    this.#limit = limit
  }

  /** Returns the entry that the next better one replaces, or none while there is space. */
  worst(): FoundEntry | undefined {
    return this.#heap.length < this.#limit ? undefined : this.#heap[0]
  }

  /** Returns true if an entry at this place would be kept. */
  accepts(place: EntryPlace): boolean {
    if (this.#heap.length < this.#limit) return true
    const worst = this.#heap[0]
    return worst !== undefined && this.#isBetter(place, worst)
  }

  /** Adds an entry. Call `accepts` first. */
  push(entry: FoundEntry): void {
    if (this.#heap.length < this.#limit) {
      this.#heap.push(entry)
      this.#rise(this.#heap.length - 1)
    } else {
      this.#heap[0] = entry
      this.#sink()
    }
  }

  /** Returns the kept entries in no particular order. */
  entries(): readonly FoundEntry[] {
    return this.#heap
  }

  #isBetter(a: EntryPlace, b: EntryPlace): boolean {
    return compareEntries(a, b, this.#direction) < 0
  }

  #rise(start: number): void {
    const heap = this.#heap
    for (let i = start; i > 0; ) {
      const parent = (i - 1) >> 1
      if (!this.#isBetter(heap[parent]!, heap[i]!)) return
      this.#swap(parent, i)
      i = parent
    }
  }

  #sink(): void {
    const heap = this.#heap
    for (let i = 0; ; ) {
      const left = 2 * i + 1
      if (left >= heap.length) return
      const right = left + 1
      let worst = left
      if (right < heap.length && this.#isBetter(heap[left]!, heap[right]!)) worst = right
      if (!this.#isBetter(heap[i]!, heap[worst]!)) return
      this.#swap(worst, i)
      i = worst
    }
  }

  #swap(i: number, j: number): void {
    const kept = this.#heap[i]!
    this.#heap[i] = this.#heap[j]!
    this.#heap[j] = kept
  }
}

// The memory of one answer, from the end of its leaves until the client has it: results, series, JSON.

import { answerCopies, resultCopies } from '../limits.ts'
import { kibOf, type MemoryLedger } from './ledger.ts'

/** Reserves memory for the answer of one request. */
export class AnswerHold {
  readonly #ledger: MemoryLedger
  readonly #onRefused: () => void
  #kib = 0
  #isReleased = false

  constructor(ledger: MemoryLedger, onRefused: () => void) {
    this.#ledger = ledger
    this.#onRefused = onRefused
  }

  get bytes(): number {
    return this.#kib * 1024
  }

  /**
   * Reserves memory for the result of a leaf.
   *
   * @param usedBytes What the leaf used, with the copies that its lease counted.
   * @throws QueryMemoryError if answers and queries leave too little.
   */
  takeResult(usedBytes: number): void {
    this.take((usedBytes * answerCopies) / resultCopies)
  }

  /**
   * Reserves memory.
   * @throws QueryMemoryError if answers and queries leave too little.
   */
  take(bytes: number): void {
    if (this.#isReleased) return
    const kib = kibOf(bytes)
    if (!this.#ledger.take(kib)) {
      this.#onRefused()
      throw this.#ledger.refusal('the answer is too large')
    }
    this.#kib += kib
  }

  /**
   * Returns a part of what `takeResult` took, because it will not be in the answer.
   *
   * @param usedBytes As the leaf used it.
   */
  giveResult(usedBytes: number): void {
    if (this.#isReleased) return
    const bytes = (usedBytes * answerCopies) / resultCopies
    const kib = Math.min(Math.floor(bytes / 1024), this.#kib)
    this.#ledger.give(kib)
    this.#kib -= kib
  }

  /** Returns everything. Call it when the answer is sent, or will not be. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#ledger.give(this.#kib)
  }
}

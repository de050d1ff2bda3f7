// What the scanners of one log leaf tell each other: how many entries they have, up to which times. So none
// opens a block that the entries of all of them together already beat.

import type { Direction } from '../blocks/block-view.ts'
import { boardMarksMax } from '../limits.ts'
import type { LogLeaf } from '../plan/log-source.ts'

/** Value of a mark that is not reached: worse than every time. */
const unset = -(2n ** 63n)

/**
 * Memory that the scanners of a log leaf share. Each has as many marks as make up the limit. A mark stands for
 * some entries, and holds the worst of their times.
 */
export interface LimitBoard {
  readonly marks: BigInt64Array<SharedArrayBuffer>
  readonly scanners: number
}

/** The board as one of the scanners sees it. */
export interface BoardSeat {
  readonly board: LimitBoard
  /** Index of the scanner. */
  readonly index: number
}

/** Creates the board of a leaf. */
export function createLimitBoard({ limit }: LogLeaf, scanners: number): LimitBoard {
  const bytes = 8 * scanners * marksOf(limit).count
  const marks = new BigInt64Array(new SharedArrayBuffer(bytes)).fill(unset)
  return { marks, scanners }
}

/** How many marks a scanner has, and how many entries each stands for. Together at least the limit. */
function marksOf(limit: number): { readonly count: number; readonly entries: number } {
  const entries = Math.max(1, Math.ceil(limit / boardMarksMax))
  return { count: Math.max(1, Math.ceil(limit / entries)), entries }
}

/** Writes the marks of one scanner, and reads all of them. */
export class LimitMarks {
  readonly #marks: BigInt64Array
  readonly #copy: BigInt64Array
  readonly #sign: bigint
  readonly #from: number
  readonly #count: number
  readonly #entries: number

  constructor({ limit, direction }: LogLeaf, { board, index }: BoardSeat) {
    const { count, entries } = marksOf(limit)
    this.#marks = board.marks
    this.#copy = new BigInt64Array(board.marks.length)
    this.#sign = signOf(direction)
    this.#from = index * count
    this.#count = count
    this.#entries = entries
  }

  /**
   * Tells the others which times this scanner has, in any order. A mark only ever gets better, so whoever reads
   * while it changes sees marks that are too bad, never too good.
   */
  publish(timesNs: readonly bigint[]): void {
    const scores = BigInt64Array.from(timesNs, time => this.#sign * time).sort()
    for (let mark = 0; mark < this.#count; mark++) {
      const at = scores.length - (mark + 1) * this.#entries
      if (at < 0) break
      Atomics.store(this.#marks, this.#from + mark, scores[at]!)
    }
  }

  /** Returns false if the scanners together have enough entries that are better than all of a block. */
  mayMatter(minNs: bigint, maxNs: bigint): boolean {
    for (let i = 0; i < this.#marks.length; i++) this.#copy[i] = Atomics.load(this.#marks, i)
    const worst = this.#copy.sort()[this.#copy.length - this.#count]!
    // At equal times, streams and rows decide.
    return worst === unset || (this.#sign > 0n ? maxNs : -minNs) >= worst
  }
}

function signOf(direction: Direction): bigint {
  return direction === 'backward' ? 1n : -1n
}

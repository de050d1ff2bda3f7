// The filter of one block: a bit for each of its rows. The size depends on how many bits are set.

import { filterFillMax, filterRowsLeast, filterRowsMax } from '../../limits.ts'

/** A block's filter: bit `row` is set if the block has a key at that row. */
export interface BlockFilter {
  /** 2^n or 3 * 2^n. */
  readonly rowCount: number
  readonly bits: Uint32Array
}

/** The rows of a filter: one or three equal parts with 2^n rows each. */
export interface RowParts {
  readonly count: 1 | 3
  readonly rows: number
}

/** Returns the parts of a filter of `rowCount` rows. */
export function partsOf(rowCount: number): RowParts {
  return rowCount % 3 === 0 ? { count: 3, rows: rowCount / 3 } : { count: 1, rows: rowCount }
}

/**
 * Returns the size to build the filter of a block with: 3 * 2^n rows, more than it can need.
 * `foldFilter` makes it smaller.
 */
export function buildingRows(textBytes: number): number {
  let rows = 3 * filterRowsLeast
  while (rows < textBytes && rows < filterRowsMax) rows *= 2
  return rows
}

/**
 * Makes a filter of 3 * 2^n rows as small as it may be without too many set bits. Copies the bits.
 * The result is that of building it with fewer rows.
 */
export function foldFilter({ rowCount, bits }: BlockFilter): BlockFilter {
  const { rows } = partsOf(rowCount)
  const set = countBits(bits)
  let parts: RowParts = { count: 3, rows }
  for (let fewer = rows; fewer >= filterRowsLeast; fewer /= 2) {
    if (expectedFill(set, 3 * fewer) > filterFillMax) break
    parts = { count: 3, rows: fewer }
    if (expectedFill(set, fewer) <= filterFillMax) parts = { count: 1, rows: fewer }
  }
  // A single part may do where three parts of half its size do not.
  if (parts.count === 3 && parts.rows < rows && expectedFill(set, 2 * parts.rows) <= filterFillMax)
    parts = { count: 1, rows: 2 * parts.rows }
  return { rowCount: parts.count * parts.rows, bits: joinRows(bits, rows, parts) }
}

/** Share of rows that are set if `set` bits fall on `rows` rows at random. */
function expectedFill(set: number, rows: number): number {
  return 1 - Math.exp(-set / rows)
}

/** Joins rows of three parts of `rows` rows: those whose numbers end alike, in fewer rows or parts. */
function joinRows(bits: Uint32Array, rows: number, parts: RowParts): Uint32Array {
  const words = rows / 32
  const joinedWords = parts.rows / 32
  const joined = new Uint32Array(parts.count * joinedWords)
  for (let part = 0; part < 3; part++) {
    const to = parts.count === 3 ? part * joinedWords : 0
    for (let word = 0; word < words; word++) {
      joined[to + (word & (joinedWords - 1))]! |= bits[part * words + word]!
    }
  }
  return joined
}

function countBits(words: Uint32Array): number {
  let count = 0
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!
    word -= (word >>> 1) & 0x55555555
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333)
    count += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

// The filter of one block: a bit for each of its rows. The size depends on how many bits are set.

import { filterFillMax, filterRowsLeast, filterRowsMax } from '../../limits.ts'

/** A block's filter: bit `row` is set if the block has a key at that row. */
export interface BlockFilter {
  /** 2^n or 3 * 2^n. */
  readonly rowCount: number
  readonly bits: Uint32Array
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
 * Makes a filter of 3 * 2^n rows as small as it may be without too many set bits. Neighbouring rows
 * are joined into one, which gives the same bits as building it with fewer rows. Copies the bits.
 */
export function foldFilter({ rowCount, bits }: BlockFilter): BlockFilter {
  const set = countBits(bits)
  let divisor = 1
  // Joins pairs, and in the end possibly three rows.
  while (expectedFill(set, rowCount / (2 * divisor)) <= filterFillMax) divisor *= 2
  const isThree = expectedFill(set, (2 * rowCount) / (3 * divisor)) <= filterFillMax
  const chosen = isThree && divisor > 1 ? (3 * divisor) / 2 : divisor
  const rows = Math.max(filterRowsLeast, rowCount / chosen)
  return { rowCount: rows, bits: joinRows(bits, { rowCount: rows, by: rowCount / rows }) }
}

/** Share of rows that are set if `set` bits fall on `rows` rows at random. */
function expectedFill(set: number, rows: number): number {
  return rows < filterRowsLeast ? 1 : 1 - Math.exp(-set / rows)
}

function joinRows(
  bits: Uint32Array,
  { rowCount, by }: { readonly rowCount: number; readonly by: number },
): Uint32Array {
  const joined = new Uint32Array(Math.ceil(rowCount / 32))
  for (let word = 0; word < bits.length; word++) {
    for (let left = bits[word]!; left !== 0; left &= left - 1) {
      const row = Math.floor((32 * word + 31 - Math.clz32(left & -left)) / by)
      joined[row >>> 5]! |= 1 << (row & 31)
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

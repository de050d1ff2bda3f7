// Counts the rows of a block by level and time, in cells as fine as their space allows.

import type { LevelCounts, RowCounts } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import { nsPerDay } from '../../day.ts'
import { detectedLevelLabel } from '../../levels/detected-level.ts'
import {
  countedLevelsMax,
  countedNamesMax,
  countsBytesLeast,
  countsShareMax,
} from '../../limits.ts'
import type { BlockColumns } from '../block.ts'
import { flagLevelsPending } from '../format.ts'
import { countsBytes } from './count-group.ts'

const nsPerSecond = 1_000_000_000

/** Lengths of cells in seconds. Each is a multiple of the one before. */
const cellSeconds = [60, 300, 900, 3600, 86_400] as const

/** The columns that counts come from. */
export type CountedColumns = Pick<
  BlockColumns,
  'flags' | 'minNs' | 'timestamps' | 'lengths' | 'metadata'
>

/**
 * Returns the counts of a block of a UTC day. `undefined` if they would take too much space, or if its rows
 * do not have their levels yet.
 *
 * @param linesBytes Stored bytes of its lines.
 */
export function countRows(
  columns: CountedColumns,
  day: number,
  linesBytes: number,
): RowCounts | undefined {
  if ((columns.flags & flagLevelsPending) !== 0) return undefined
  const sets = columns.metadata?.sets ?? [[]]
  const names = namesOf(sets)
  const levels = new LevelIndex(sets)
  if (names.length > countedNamesMax || levels.names.length > countedLevelsMax) return undefined
  const cells = levels.names.map(level => new LevelCells(level))
  countCells(columns, Number(columns.minNs - BigInt(day) * nsPerDay), { levels, cells })
  const bytesMax = Math.max(countsBytesLeast, linesBytes * countsShareMax)
  let counts: RowCounts = { names, cellNs: cellSeconds[0] * nsPerSecond, levels: cells }
  for (const seconds of cellSeconds) {
    counts = withCells(counts, seconds * nsPerSecond)
    if (countsBytes(counts) <= bytesMax) return counts
  }
  return undefined
}

function namesOf(sets: readonly LabelSet[]): string[] {
  const names = new Set<string>()
  for (const set of sets) {
    for (const { name } of set) if (name !== detectedLevelLabel) names.add(name)
  }
  return [...names].sort()
}

/** The levels of a block, and the level of each of its metadata sets. */
class LevelIndex {
  readonly names: (string | undefined)[] = []
  /** Set → index in `names`. */
  readonly ofSet: Uint32Array

  constructor(sets: readonly LabelSet[]) {
    const indexes = new Map<string | undefined, number>()
    this.ofSet = Uint32Array.from(sets, set => {
      const level = set.find(({ name }) => name === detectedLevelLabel)?.value
      const known = indexes.get(level)
      if (known !== undefined) return known
      indexes.set(level, this.names.length)
      return this.names.push(level) - 1
    })
  }
}

/** The cells of a level, in which rows can be counted. */
class LevelCells implements LevelCounts {
  readonly level: string | undefined
  readonly cells: number[] = []
  readonly rows: number[] = []
  readonly bytes: number[] = []

  constructor(level: string | undefined) {
    this.level = level
  }

  /** Adds rows to a cell that is not before the last one. */
  add(cell: number, rows: number, bytes: number): void {
    const last = this.cells.length - 1
    if (last >= 0 && this.cells[last] === cell) {
      this.rows[last]! += rows
      this.bytes[last]! += bytes
      return
    }
    this.cells.push(cell)
    this.rows.push(rows)
    this.bytes.push(bytes)
  }
}

/** Counts in the smallest cells. `since` is the time from the day's start to the first row. */
function countCells(
  columns: CountedColumns,
  since: number,
  { levels, cells }: { readonly levels: LevelIndex; readonly cells: readonly LevelCells[] },
): void {
  const { timestamps } = columns
  const cellNs = cellSeconds[0] * nsPerSecond
  const sums = {
    rowLevels: columns.metadata && levelsOfRows(columns.metadata.rowSets, levels.ofSet),
    rows: new Float64Array(cells.length),
    bytes: new Float64Array(cells.length),
  }
  for (let row = 0; row < timestamps.length; ) {
    const cell = Math.ceil((since + timestamps[row]!) / cellNs)
    const end = endOfCell(timestamps, row, cell * cellNs - since)
    sumRows(columns.lengths, { from: row, to: end }, sums)
    for (let level = 0; level < cells.length; level++) {
      if (sums.rows[level]! > 0) cells[level]!.add(cell, sums.rows[level]!, sums.bytes[level]!)
    }
    row = end
  }
}

function levelsOfRows(rowSets: Uint32Array, ofSet: Uint32Array): Uint8Array {
  const levels = new Uint8Array(rowSets.length)
  for (let row = 0; row < rowSets.length; row++) levels[row] = ofSet[rowSets[row]!]!
  return levels
}

/** Returns the first row after a time. Times ascend, so binary search finds it. */
function endOfCell(timestamps: Float64Array, from: number, lastNs: number): number {
  let low = from + 1
  for (let high = timestamps.length; low < high; ) {
    const middle = (low + high) >> 1
    if (timestamps[middle]! <= lastNs) low = middle + 1
    else high = middle
  }
  return low
}

/** Level → rows and bytes of the rows of one cell. */
interface CellSums {
  readonly rowLevels: Uint8Array | undefined
  readonly rows: Float64Array
  readonly bytes: Float64Array
}

function sumRows(
  lengths: Uint32Array,
  { from, to }: { readonly from: number; readonly to: number },
  { rowLevels, rows, bytes }: CellSums,
): void {
  rows.fill(0)
  bytes.fill(0)
  for (let row = from; row < to; row++) {
    const level = rowLevels ? rowLevels[row]! : 0
    rows[level]! += 1
    bytes[level]! += lengths[row]!
  }
}

/** Joins cells into longer ones. `cellNs` is a multiple of their length. */
function withCells(counts: RowCounts, cellNs: number): RowCounts {
  if (cellNs === counts.cellNs) return counts
  const levels = counts.levels.map(({ level, cells, rows, bytes }) => {
    const joined = new LevelCells(level)
    for (const [i, cell] of cells.entries()) {
      joined.add(Math.ceil((cell * counts.cellNs) / cellNs), rows[i]!, bytes[i]!)
    }
    return joined
  })
  return { ...counts, cellNs, levels }
}

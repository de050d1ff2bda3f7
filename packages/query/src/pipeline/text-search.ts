// Searches a block's buffer for bytes and finds the rows that contain them.

import type { BlockText } from './block-text.ts'
import { type RowSelection, rowAt } from './row-selection.ts'

/** Below this share of the rows, lines are searched one by one instead of the whole block. */
const sparseShare = 1 / 16

/** Returns true if so few rows are left that searching the whole block is not worth it. */
export function isSparse(selection: RowSelection, text: BlockText): boolean {
  return selection.count < text.rowCount * sparseShare
}

/** Marks the rows of a selection that contain the given bytes. */
export function markText(
  needle: Buffer,
  text: BlockText,
  selection: RowSelection,
  marks: Uint8Array,
): void {
  if (isSparse(selection, text)) {
    const wanted = needle.toString('latin1')
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      if (text.latin1Line(row).includes(wanted)) marks[row] = 1
    }
    return
  }
  const { bytes } = text
  const { from, to } = boundsOf(text, selection)
  let row = selection.from
  for (let at = from; at < to; ) {
    const hit = bytes.indexOf(needle, at)
    if (hit < 0 || hit >= to) return
    const { offsets } = text
    row = rowOf(offsets, hit, row)
    // If the needle has a line break, a hit may run past the end of its line.
    if (hit + needle.length <= text.endOf(row)) {
      marks[row] = 1
      at = offsets[row + 1]!
      row++
      if (row >= selection.to) return
    } else at = hit + 1
  }
}

/** Returns the bytes from the first selected row to the last. */
export function boundsOf(text: BlockText, selection: RowSelection): { from: number; to: number } {
  // If all rows are selected, line starts are not needed yet.
  if (selection.from === 0 && selection.to === text.rowCount)
    return { from: 0, to: text.bytes.length }
  return { from: text.startOf(selection.from), to: text.endOf(selection.to - 1) + 1 }
}

/** Finds the row of an offset, starting from an earlier row: doubles the step, then halves it. */
export function rowOf(offsets: Uint32Array, offset: number, from: number): number {
  let step = 1
  let low = from
  const last = offsets.length - 1
  while (low + step < last && offsets[low + step]! <= offset) {
    low += step
    step *= 2
  }
  let high = Math.min(low + step, last)
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (offsets[middle]! <= offset) low = middle
    else high = middle
  }
  return low
}

/** Visits the marked rows of a selection. */
export function forEachMarked(
  selection: RowSelection,
  marks: Uint8Array,
  visit: (row: number) => void,
): void {
  for (let i = 0; i < selection.count; i++) {
    const row = rowAt(selection, i)
    if (marks[row] === 1) visit(row)
  }
}

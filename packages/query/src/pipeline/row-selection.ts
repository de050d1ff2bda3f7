// The rows of a block still selected: a range, or a list once a filter has run.

/** Selected rows of one block, ascending. */
export interface RowSelection {
  readonly count: number
  /** Bounds of the range, end exclusive. Without a list, all rows in the range are selected. */
  readonly from: number
  readonly to: number
  readonly rows: Uint32Array | undefined
}

/** Selects the rows of a range, except those that a mask marks. */
export function selectRange(from: number, to: number, skip?: Uint8Array): RowSelection {
  const range = { count: Math.max(0, to - from), from, to, rows: undefined }
  if (!skip) return range
  return filterSelection(range, row => skip[row] === 0)
}

/** Keeps the rows that pass a test. Rows are tested in ascending order. */
export function filterSelection(
  selection: RowSelection,
  accepts: (row: number) => boolean,
): RowSelection {
  const kept = new Uint32Array(selection.count)
  let count = 0
  if (selection.rows) {
    for (let i = 0; i < selection.count; i++) {
      const row = selection.rows[i]!
      if (accepts(row)) kept[count++] = row
    }
  } else {
    for (let row = selection.from; row < selection.to; row++) {
      if (accepts(row)) kept[count++] = row
    }
  }
  return { count, from: selection.from, to: selection.to, rows: kept }
}

/** Returns the i-th row of a selection. */
export function rowAt(selection: RowSelection, index: number): number {
  return selection.rows ? selection.rows[index]! : selection.from + index
}

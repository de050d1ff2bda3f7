// Counts of the rows of one block, by level and time. Where they tell enough, a query needs no rows.

/** The rows of a block, counted in cells of time. */
export interface RowCounts {
  /** Names of the structured metadata of all rows, except `detected_level`. */
  readonly names: readonly string[]
  /**
   * Length of a cell in nanoseconds. Cell n holds the times after `(n - 1) * cellNs`, up to and including
   * `n * cellNs`, as the windows of LogQL do.
   */
  readonly cellNs: number
  readonly levels: readonly LevelCounts[]
}

/** The cells with rows of one level. */
export interface LevelCounts {
  /** Value of `detected_level`; `undefined` for rows without one. */
  readonly level: string | undefined
  /** Ascending numbers of cells, and the rows and bytes of lines in each. */
  readonly cells: readonly number[]
  readonly rows: readonly number[]
  readonly bytes: readonly number[]
}

// Prints rows in columns.

/**
 * Returns the lines of a table.
 * @param rows The head is the first. Each has the same number of cells.
 * @param isRight Which columns are numbers, and end at the same place.
 */
export function formatColumns(
  rows: readonly (readonly string[])[],
  isRight: readonly boolean[] = [],
): string[] {
  const widths = rows[0]!.map((_, i) =>
    rows.reduce((most, row) => Math.max(most, row[i]!.length), 0),
  )
  return rows.map(row =>
    row
      .map((cell, i) => (isRight[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
}

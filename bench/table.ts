// A table for people: a figure on each line, next to its limit and its target.

/** One line of a report: a figure, the limit to compare it with, and the target. */
export interface Row {
  readonly figure: string
  readonly value: string
  readonly limit?: string
  readonly ratio?: string
  readonly target?: string
  /** Absent if there is no target or nothing to compare. */
  readonly isMet?: boolean
}

/** Formats rows as an aligned table. */
export function formatTable(rows: readonly Row[]): string {
  const head = ['figure', 'measured', 'limit', 'ratio', 'target', '']
  const cells = rows.map(row => [
    row.figure,
    row.value,
    row.limit ?? '',
    row.ratio ?? '',
    row.target ?? '',
    row.isMet === undefined ? '' : row.isMet ? 'met' : 'MISSED',
  ])
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map(row => row[i]!.length)))
  const format = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [
    format(head),
    widths.map(width => '-'.repeat(width)).join('  '),
    ...cells.map(format),
  ].join('\n')
}

/** Formats a figure for people: one decimal below ten, none above. */
export function fixed(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0)
}

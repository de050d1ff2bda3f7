// Prints the samples of metric queries: as a list, a table, a small plot, or for programs.

import { type Colours, csvCell } from '@skald/wire'
import { plotRows } from '../limits.ts'
import { printLabels } from './entry-output.ts'
import { formatColumns } from './table.ts'

/** A series of samples. */
export interface ShownSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [seconds: number, value: string])[]
}

export const sampleFormats = ['default', 'raw', 'jsonl', 'csv', 'table', 'plot'] as const
export type SampleFormat = (typeof sampleFormats)[number]

/** Yields what to print of series, whole lines. */
export function* printSeries(
  series: readonly ShownSeries[],
  { format, colours, columns }: { format: SampleFormat; colours: Colours; columns: number },
): Generator<string> {
  if (format === 'table') {
    yield* printTable(series)
    return
  }
  if (format === 'plot') {
    for (const one of series) yield* printPlot(one, colours, columns)
    return
  }
  if (format === 'csv') yield 'timestamp,labels,value\n'
  for (const { metric, values } of series) {
    const labels = printLabels(metric)
    if (format === 'default') yield `${colours.cyan(labels)}\n`
    for (const [seconds, value] of values) {
      const timestamp = timeText(seconds)
      if (format === 'jsonl') yield `${JSON.stringify({ timestamp, labels: metric, value })}\n`
      else if (format === 'csv') yield `${timestamp},${csvCell(labels)},${value}\n`
      else yield format === 'raw' ? `${value}\n` : `  ${colours.dim(timestamp)} ${value}\n`
    }
  }
}

/** A column for each series, a row for each time. */
function* printTable(series: readonly ShownSeries[]): Generator<string> {
  const times = [...new Set(series.flatMap(({ values }) => values.map(([seconds]) => seconds)))]
  const byTime = series.map(({ values }) => new Map(values))
  const rows = times
    .sort((a, b) => a - b)
    .map(seconds => [timeText(seconds), ...byTime.map(values => values.get(seconds) ?? '')])
  const head = ['time', ...series.map(({ metric }) => printLabels(metric))]
  const isRight = head.map((_, i) => i > 0)
  for (const line of formatColumns([head, ...rows], isRight)) yield `${line}\n`
}

const bars = ' ▁▂▃▄▅▆▇█'

/** Draws one series: its labels, bars, and the times below. */
function* printPlot(
  { metric, values }: ShownSeries,
  colours: Colours,
  columns: number,
): Generator<string> {
  yield `${colours.cyan(printLabels(metric))}\n`
  const samples = values
    .map(([seconds, text]) => [seconds, Number(text)] as const)
    .filter(([, value]) => Number.isFinite(value))
  if (samples.length === 0) {
    yield '  no finite samples\n'
    return
  }
  const most = samples.reduce((max, [, value]) => Math.max(max, value), Number.NEGATIVE_INFINITY)
  const least = samples.reduce((min, [, value]) => Math.min(min, value), 0)
  const margin = Math.max(numberText(most).length, numberText(least).length)
  const heights = squeeze(
    samples.map(([, value]) => value),
    Math.max(10, columns - margin - 3),
  ).map(value => (most === least ? 1 : (value - least) / (most - least)) * plotRows * 8)
  for (let row = plotRows - 1; row >= 0; row--) {
    const label = row === plotRows - 1 ? numberText(most) : row === 0 ? numberText(least) : ''
    const cells = heights.map(
      height => bars[Math.max(row === 0 ? 1 : 0, Math.min(8, Math.round(height - row * 8)))]!,
    )
    yield `${label.padStart(margin)} ${colours.dim('│')}${colours.green(cells.join(''))}\n`
  }
  const [first, last] = [timeText(samples[0]![0]), timeText(samples.at(-1)![0])]
  yield `${' '.repeat(margin)}  ${colours.dim(first === last ? first : `${first} – ${last}`)}\n`
}

/** Makes as many values as there are cells, each the largest of those that share a cell. */
function squeeze(values: readonly number[], cells: number): number[] {
  if (values.length <= cells) return [...values]
  return Array.from({ length: cells }, (_, i) => {
    const from = Math.floor((i * values.length) / cells)
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / cells))
    return values.slice(from, to).reduce((max, value) => Math.max(max, value))
  })
}

function numberText(value: number): string {
  return Math.abs(value) >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4)))
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}

// Draws the comparison as an SVG: bars for what a server needs in all, and dots on a logarithmic
// scale for the questions, whose costs differ by a thousand. Plain text, the same for the same
// figures.

/** Colour and name of one server's marks. */
export interface Series {
  readonly name: string
  readonly colour: string
}

/** One figure, with a value for each series that has one. */
export interface PlotRow {
  readonly label: string
  readonly values: readonly (number | undefined)[]
}

/** Figures of one unit with one scale. */
export interface Panel {
  readonly title: string
  readonly kind: 'bars' | 'dots'
  readonly rows: readonly PlotRow[]
}

/** What to draw, from top to bottom. */
export interface Plot {
  readonly title: string
  readonly series: readonly Series[]
  readonly panels: readonly Panel[]
}

const width = 860
const labelWidth = 280
const valueWidth = 70
const scaleWidth = width - labelWidth - valueWidth
const rowHeight = 26
const barHeight = 9
const panelGap = 22
const titleHeight = 26
const legendHeight = 54
const tickHeight = 22
const dotRadius = 5.5
const ink = '#24292f'
const faint = '#d0d7de'

/** Returns the plot as an SVG document. */
export function drawPlot(plot: Plot): string {
  const parts: string[] = []
  let top = legendHeight
  for (const panel of plot.panels) {
    const { text, height } = drawPanel(panel, plot.series, top)
    parts.push(text)
    top += height + panelGap
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" width="${width}" height="${top}" role="img" font-family="system-ui, sans-serif" font-size="13" fill="${ink}">
<title>${escapeXml(plot.title)}</title>
<rect width="${width}" height="${top}" fill="#ffffff"/>
${drawLegend(plot)}
${parts.join('\n')}
</svg>
`
}

function drawLegend({ title, series }: Plot): string {
  const parts = [`<text x="12" y="20" font-size="15" font-weight="600">${escapeXml(title)}</text>`]
  let x = 12
  for (const { name, colour } of series) {
    parts.push(`<circle cx="${x + 6}" cy="39" r="${dotRadius}" fill="${colour}"/>`)
    parts.push(`<text x="${x + 17}" y="43.5">${escapeXml(name)}</text>`)
    x += 40 + name.length * 8
  }
  return parts.join('\n')
}

function drawPanel(
  panel: Panel,
  series: readonly Series[],
  top: number,
): { readonly text: string; readonly height: number } {
  const parts = [`<text x="12" y="${top + 16}" font-weight="600">${escapeXml(panel.title)}</text>`]
  const rowsTop = top + titleHeight
  const isDots = panel.kind === 'dots'
  const height = isDots ? rowHeight : barHeight * series.length + 12
  const known = panel.rows.flatMap(({ values }) => values.filter(value => value !== undefined))
  const ticks = isDots ? decades(known) : []
  const bottom = rowsTop + panel.rows.length * height
  for (const tick of ticks) {
    const x = round(labelWidth + logPosition(tick, ticks) * scaleWidth)
    parts.push(
      `<line x1="${x}" y1="${rowsTop}" x2="${x}" y2="${bottom}" stroke="${faint}"/>`,
      `<text x="${x}" y="${bottom + 15}" text-anchor="middle" font-size="11">${formatTick(tick)}</text>`,
    )
  }
  panel.rows.forEach((row, index) => {
    const middle = rowsTop + index * height + height / 2
    parts.push(
      `<text x="${labelWidth - 12}" y="${round(middle + 4.5)}" text-anchor="end">${escapeXml(row.label)}</text>`,
      isDots ? drawDots(row, { series, middle, ticks }) : drawBars(row, { series, middle }),
    )
  })
  const spent = titleHeight + panel.rows.length * height + (isDots ? tickHeight : 0)
  return { text: parts.join('\n'), height: spent }
}

function drawDots(
  { values }: PlotRow,
  at: {
    readonly series: readonly Series[]
    readonly middle: number
    readonly ticks: readonly number[]
  },
): string {
  const { series, middle, ticks } = at
  const line = `<line x1="${labelWidth}" y1="${middle}" x2="${labelWidth + scaleWidth}" y2="${middle}" stroke="${faint}" stroke-dasharray="2 3"/>`
  const dots = values.map((value, index) => {
    if (value === undefined) return ''
    const { name, colour } = series[index]!
    const x = round(labelWidth + logPosition(value, ticks) * scaleWidth)
    return `<circle cx="${x}" cy="${middle}" r="${dotRadius}" fill="${colour}" fill-opacity="0.9"><title>${escapeXml(name)}: ${formatValue(value)}</title></circle>`
  })
  // The first server lies on top where dots meet.
  return [line, ...dots.filter(dot => dot !== '').reverse()].join('\n')
}

/** Bars of a row share a scale of their own: rows may have different units. */
function drawBars(
  { values }: PlotRow,
  { series, middle }: { readonly series: readonly Series[]; readonly middle: number },
): string {
  const most = Math.max(...values.map(value => value ?? 0))
  const top = middle - (barHeight * series.length) / 2
  return values
    .map((value, index) => {
      if (value === undefined) return ''
      const length = most === 0 ? 0 : round((value / most) * scaleWidth)
      const y = round(top + index * barHeight)
      return (
        `<rect x="${labelWidth}" y="${y}" width="${length}" height="${barHeight - 1}" fill="${series[index]!.colour}"/>` +
        `<text x="${round(labelWidth + length + 6)}" y="${round(y + barHeight - 1)}" font-size="10">${formatValue(value)}</text>`
      )
    })
    .filter(bar => bar !== '')
    .join('\n')
}

/** Returns the powers of ten around the values. */
function decades(values: readonly number[]): number[] {
  const positive = values.filter(value => value > 0)
  if (positive.length === 0) return [1, 10]
  const low = Math.floor(Math.log10(Math.min(...positive)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))))
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
}

/** Returns the place of a value between the first and the last tick, from 0 to 1. */
function logPosition(value: number, ticks: readonly number[]): number {
  const low = Math.log10(ticks[0]!)
  const high = Math.log10(ticks.at(-1)!)
  if (value <= 0) return 0
  return Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low)))
}

function formatTick(value: number): string {
  return value >= 1 ? value.toLocaleString('en') : String(value)
}

function formatValue(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

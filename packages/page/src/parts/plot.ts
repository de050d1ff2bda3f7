// Draws series with uPlot. Loaded with the first chart.

import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Sample } from '../api/answers.ts'
import { formatSample } from './figures.ts'

/** One series, by its name and its samples. */
export interface Series {
  readonly name: string
  readonly samples: readonly Sample[]
}

export interface PlotOptions {
  readonly kind: 'lines' | 'bars'
  readonly zone: 'local' | 'utc'
  readonly onZoom: (fromSeconds: number, toSeconds: number) => void
}

/** Colours of the style sheet, in the order of the series. */
const colourCount = 10
const height = 320

/** Returns what a colour of a style sheet is in the theme of an element. A canvas knows no variables. */
function drawnColour(room: HTMLElement, written: string): string {
  const { style } = room
  style.color = written
  const { color } = getComputedStyle(room)
  style.color = ''
  return color
}

/** Draws series into an element. Returns a function that removes the drawing. */
export function drawPlot(
  room: HTMLElement,
  series: readonly Series[],
  { kind, zone, onZoom }: PlotOptions,
): () => void {
  const colour = (index: number) => `var(--series-${index % colourCount})`
  const text = drawnColour(room, 'var(--dim)')
  const lines = drawnColour(room, 'var(--border)')
  const axis = { stroke: text, grid: { stroke: lines, width: 1 }, ticks: { stroke: lines } }
  const plot = new uPlot(
    {
      width: room.clientWidth,
      height,
      ...(zone === 'utc' && {
        tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'UTC'),
      }),
      cursor: { drag: { x: true, y: false, setScale: false } },
      axes: [axis, { ...axis, size: 64, values: (_plot, ticks) => ticks.map(formatSample) }],
      series: [
        {},
        ...series.map(({ name }, index) => ({
          label: name,
          stroke: drawnColour(room, colour(index)),
          width: 1.5,
          points: { show: series[index]!.samples.length === 1 },
          value: (_plot: uPlot, value: number | null) =>
            value === null ? '–' : formatSample(value),
          ...(kind === 'bars' && {
            fill: drawnColour(room, `color-mix(in srgb, ${colour(index)} 60%, transparent)`),
            paths: uPlot.paths.bars!({ size: [0.8, 60] }),
          }),
        })),
      ],
      hooks: {
        setSelect: [
          ({ select, posToVal }) => {
            if (select.width > 4)
              onZoom(posToVal(select.left, 'x'), posToVal(select.left + select.width, 'x'))
          },
        ],
      },
    },
    columnsOf(series),
    room,
  )
  const observer = new ResizeObserver(() => plot.setSize({ width: room.clientWidth, height }))
  observer.observe(room)
  return () => {
    observer.disconnect()
    plot.destroy()
  }
}

/** Returns all times, and for each series its value at each time. */
function columnsOf(series: readonly Series[]): uPlot.AlignedData {
  const times = [
    ...new Set(series.flatMap(({ samples }) => samples.map(([seconds]) => seconds))),
  ].sort((a, b) => a - b)
  const values = series.map(({ samples }) => {
    const known = new Map(samples)
    return times.map(time => {
      const value = known.get(time)
      return value === undefined ? null : Number(value)
    })
  })
  return [times, ...values]
}

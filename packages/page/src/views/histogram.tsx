// The histogram above the lines. First the counts of the selector, which the store has ready, then those of the query.
// Dragging over it, or a click on a bar, chooses a part of the range.

import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { type Level, levels } from '../line/level.ts'
import { formatClock, formatDate } from '../line/time-text.ts'
import { addStage, selectorOf } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatCount } from '../parts/figures.ts'
import { useLoad } from '../parts/use-load.ts'
import type { Run } from '../state/app.ts'
import { type Bars, readBars } from '../state/histogram.ts'
import { absoluteRange } from '../state/range.ts'

const height = 84

export interface HistogramProps {
  readonly run: Run
  /** Nothing is asked before. */
  readonly isReady: boolean
}

/** The histogram of a run. */
export function Histogram({ run, isReady }: HistogramProps) {
  const app = useApp()
  const t = app.texts.value
  const selector = selectorOf(run.query)
  const isSelector = selector === run.query.trim()
  const known = useLoad(
    async signal => (isReady ? await readBars(app.client, selector, run, signal) : undefined),
    [run.id, isReady],
  )
  const exact = useLoad(
    async signal =>
      isReady && !isSelector ? await readBars(app.client, run.query, run, signal) : undefined,
    [run.id, isReady],
  )
  const bars = isSelector ? known.value : (exact.value ?? known.value)
  const isExact = isSelector ? known.value !== undefined : exact.value !== undefined
  const error = isSelector ? known.error : exact.error
  return (
    <section class="histogram" aria-label={t.histogram} aria-busy={!isExact}>
      <div class="histogram-head">
        <span class="histogram-total">
          {bars ? t.linesInRange(formatCount(bars.total), isExact) : t.counting}
        </span>
        {error !== undefined && <span class="warning">{app.describe(error)}</span>}
        <span class="spring" />
        {bars && <Legend bars={bars} />}
      </div>
      {bars ? <BarChart bars={bars} isExact={isExact} /> : <div class="bars-room" />}
    </section>
  )
}

function Legend({ bars }: { readonly bars: Bars }) {
  const app = useApp()
  const t = app.texts.value
  return (
    <ul class="legend">
      {[...bars.counts].map(([level, counts]) => {
        const sum = counts.reduce((total, count) => total + count, 0)
        return (
          <li key={level}>
            <button
              type="button"
              class={`button quiet legend-level level-${level}`}
              title={t.onlyLevel(level)}
              onClick={() => app.ask(addStage(app.draft.value, `| detected_level="${level}"`))}
            >
              <span class="swatch" /> {level} {formatCount(sum)}
            </button>
          </li>
        )
      })}
    </ul>
  )
}

interface Part {
  readonly from: number
  readonly to: number
}

function BarChart({ bars, isExact }: { readonly bars: Bars; readonly isExact: boolean }) {
  const app = useApp()
  const { texts, settings } = app
  const t = texts.value
  const ref = useRef<SVGSVGElement>(null)
  const dragged = useSignal<Part | undefined>(undefined)
  const hovered = useSignal<number | undefined>(undefined)
  const barAt = (event: PointerEvent) => {
    const { left, width } = ref.current!.getBoundingClientRect()
    const share = (event.clientX - left) / width
    return Math.min(bars.barCount - 1, Math.max(0, Math.floor(share * bars.barCount)))
  }
  const choose = ({ from, to }: Part) => {
    const seconds = (bar: number) =>
      BigInt(Math.round(bars.startSeconds + bar * bars.stepSeconds)) * 1_000_000_000n
    app.setRange(absoluteRange(seconds(Math.min(from, to)), seconds(Math.max(from, to) + 1)))
  }
  const part = dragged.value
  const zone = settings.zone.value
  return (
    <div class="bars">
      <svg
        ref={ref}
        class={isExact ? 'bars-drawing' : 'bars-drawing estimate'}
        viewBox={`0 0 ${bars.barCount} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t.linesInRange(formatCount(bars.total), isExact)}
        onPointerDown={event => {
          event.currentTarget.setPointerCapture(event.pointerId)
          const bar = barAt(event)
          dragged.value = { from: bar, to: bar }
        }}
        onPointerMove={event => {
          const bar = barAt(event)
          hovered.value = bar
          if (dragged.value) dragged.value = { from: dragged.value.from, to: bar }
        }}
        onPointerLeave={() => (hovered.value = undefined)}
        onPointerUp={() => {
          const chosen = dragged.value
          dragged.value = undefined
          if (chosen) choose(chosen)
        }}
      >
        {[...shapesOf(bars)].map(([level, shape]) => (
          <path key={level} class={`bar level-${level}`} d={shape} />
        ))}
        {part && (
          <rect
            class="bars-part"
            x={Math.min(part.from, part.to)}
            width={Math.abs(part.to - part.from) + 1}
            y="0"
            height={height}
          />
        )}
      </svg>
      <div class="bars-axis" aria-hidden="true">
        {ticksOf(bars, zone).map(({ share, text }) => (
          <span key={share} style={{ left: `${share * 100}%` }}>
            {text}
          </span>
        ))}
      </div>
      {hovered.value !== undefined && <BarTip bars={bars} bar={hovered.value} zone={zone} />}
    </div>
  )
}

/** Returns a path for each level, with the most severe at the bottom. */
function shapesOf({ counts, barCount }: Bars): Map<Level, string> {
  const sums = new Array<number>(barCount).fill(0)
  for (const own of counts.values()) {
    for (const [bar, count] of own.entries()) sums[bar]! += count
  }
  const most = Math.max(1, ...sums)
  const bottoms = new Array<number>(barCount).fill(height)
  const shapes = new Map<Level, string>()
  for (const level of levels) {
    const own = counts.get(level)
    if (!own) continue
    let shape = ''
    own.forEach((count, bar) => {
      if (count === 0) return
      // One line is visible next to a million.
      const size = Math.max(1, (count / most) * (height - 4))
      const top = Math.max(0, bottoms[bar]! - size)
      shape += `M${bar + 0.08} ${bottoms[bar]!}V${top.toFixed(2)}h.84V${bottoms[bar]!}z`
      bottoms[bar] = top
    })
    shapes.set(level, shape)
  }
  return shapes
}

function ticksOf({ startSeconds, stepSeconds, barCount }: Bars, zone: 'local' | 'utc') {
  const isLong = stepSeconds * barCount > 86_400 * 2
  return [0.02, 0.25, 0.5, 0.75, 0.94].map(share => {
    const bar = Math.round(share * barCount)
    const ms = (startSeconds + bar * stepSeconds) * 1000
    const clock = formatClock(ms, zone)
    return { share, text: isLong ? `${formatDate(ms, zone).slice(5)} ${clock.slice(0, 5)}` : clock }
  })
}

interface BarTipProps {
  readonly bars: Bars
  readonly bar: number
  readonly zone: 'local' | 'utc'
}

function BarTip({ bars, bar, zone }: BarTipProps) {
  const ms = (bars.startSeconds + bar * bars.stepSeconds) * 1000
  const isRight = bar > bars.barCount / 2
  const share = (bar / bars.barCount) * 100
  return (
    <div
      class="tip"
      style={isRight ? { right: `${100 - share}%` } : { left: `${share + 2}%` }}
      aria-hidden="true"
    >
      <b>
        {formatDate(ms, zone)} {formatClock(ms, zone)}
      </b>
      {[...bars.counts]
        .filter(([, counts]) => counts[bar]! > 0)
        .map(([level, counts]) => (
          <span key={level} class={`level-${level}`}>
            <span class="swatch" /> {level} {formatCount(counts[bar]!)}
          </span>
        ))}
    </div>
  )
}

// The answer of a metric query: lines, bars, a table or a single number.

import { useEffect, useRef } from 'preact/hooks'
import type { Labels, MatrixData, QueryAnswer, QueryStats } from '../api/answers.ts'
import { drawnSeriesMax, metricPointsMax, tableRowsMax } from '../limits.ts'
import { formatNs } from '../line/time-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatBytes, formatCount, formatSample, formatSeconds } from '../parts/figures.ts'
import type { Series } from '../parts/plot.ts'
import { ScrollRegion } from '../parts/scroll-region.tsx'
import { useLoad } from '../parts/use-load.ts'
import { type ChartKind, chartKinds } from '../state/address.ts'
import type { Run } from '../state/app.ts'
import { absoluteRange, stepSecondsOf } from '../state/range.ts'
import { ErrorBox } from './error-box.tsx'

interface Answer {
  readonly series: readonly Series[]
  readonly warnings: readonly string[]
  readonly stats: QueryStats | undefined
}

/** The view of a run that yields samples. */
export function MetricView({ run }: { readonly run: Run }) {
  const app = useApp()
  const t = app.texts.value
  const { chart } = app.address.value
  const answer = useLoad(signal => readSeries(app.client, run, signal), [run.id])
  const series = answer.value?.series ?? []
  const { summary } = answer.value?.stats ?? {}
  return (
    <div class="explore">
      <div class="explore-main">
        <div class="lines-bar" role="toolbar" aria-label={t.chart}>
          {chartKinds.map(kind => (
            <button
              key={kind}
              type="button"
              class="button"
              aria-pressed={chart === kind}
              onClick={() => app.go({ chart: kind })}
            >
              {t.charts[kind]}
            </button>
          ))}
          <span class="spring" />
          <span class="count">{t.seriesCount(formatCount(series.length))}</span>
          {summary?.execTime !== undefined && (
            <button type="button" class="button quiet" onClick={() => (app.dialog.value = 'why')}>
              {formatSeconds(summary.execTime)} · {formatBytes(summary.totalBytesProcessed ?? 0)}
              <span class="visually-hidden"> {t.why.title}</span>
            </button>
          )}
        </div>
        {answer.value?.warnings.map(text => (
          <p key={text} class="warning">
            {text}
          </p>
        ))}
        {answer.error !== undefined && (
          <ErrorBox error={answer.error} onRetry={() => app.submit()} />
        )}
        {answer.isLoading && <p class="nothing">{t.loading}</p>}
        {answer.value && series.length === 0 && <p class="nothing">{t.nothingFound}</p>}
        {series.length > 0 && <Chart kind={chart} series={series} />}
      </div>
    </div>
  )
}

async function readSeries(
  client: ReturnType<typeof useApp>['client'],
  run: Run,
  signal: AbortSignal,
): Promise<Answer> {
  const step = stepSecondsOf(run, metricPointsMax)
  const { data, warnings = [] } = await client.json<QueryAnswer<MatrixData>>(
    'loki/api/v1/query_range',
    {
      ...{ query: run.query, step, explain: 'true' },
      start: String(run.startNs),
      end: String(run.endNs),
    },
    { signal },
  )
  const series = data.result.map(({ metric, values, value }) => ({
    name: nameOf(metric),
    samples: values ?? (value ? [value] : []),
  }))
  return { series, warnings, stats: data.stats }
}

function nameOf(metric: Labels): string {
  const pairs = Object.entries(metric).map(([name, value]) => `${name}="${value}"`)
  return `{${pairs.join(', ')}}`
}

function Chart({ kind, series }: { readonly kind: ChartKind; readonly series: readonly Series[] }) {
  switch (kind) {
    case 'lines':
    case 'bars':
      return <Plot key={kind} kind={kind} series={series} />
    case 'table':
      return <SampleTable series={series} />
    case 'number':
      return <Numbers series={series} />
  }
}

function Plot({
  kind,
  series,
}: {
  readonly kind: 'lines' | 'bars'
  readonly series: readonly Series[]
}) {
  const app = useApp()
  const { texts, settings } = app
  const room = useRef<HTMLDivElement>(null)
  const { theme, zone } = settings
  useEffect(() => {
    let stop: (() => void) | undefined
    let isGone = false
    const load = async () => {
      const { drawPlot } = await import('../parts/plot.ts')
      if (isGone) return
      stop = drawPlot(room.current!, series.slice(0, drawnSeriesMax), {
        ...{ kind, zone: zone.value },
        onZoom: (fromSeconds, toSeconds) =>
          app.setRange(absoluteRange(nsOf(fromSeconds), nsOf(toSeconds))),
      })
    }
    void load()
    return () => {
      isGone = true
      stop?.()
    }
  }, [kind, series, theme.value, zone.value])
  return (
    <>
      <div
        class="plot"
        ref={room}
        role="img"
        aria-label={texts.value.chartOf(String(series.length))}
      />
      {series.length > drawnSeriesMax && (
        <p class="dim">{texts.value.more(series.length - drawnSeriesMax)}</p>
      )}
    </>
  )
}

function nsOf(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1000)) * 1_000_000n
}

function SampleTable({ series }: { readonly series: readonly Series[] }) {
  const app = useApp()
  const t = app.texts.value
  const rows = series
    .flatMap(({ name, samples }) =>
      samples.map(([seconds, value]) => ({ name, seconds, value: Number(value) })),
    )
    .sort((a, b) => b.seconds - a.seconds || b.value - a.value)
  return (
    <ScrollRegion label={t.charts.table}>
      <table class="samples">
        <thead>
          <tr>
            <th scope="col">{t.time}</th>
            <th scope="col">{t.series}</th>
            <th scope="col" class="number">
              {t.value}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, tableRowsMax).map(({ name, seconds, value }) => (
            <tr key={`${seconds} ${name}`}>
              <td>{formatNs(String(nsOf(seconds)), app.settings.zone.value).slice(0, 19)}</td>
              <td dir="auto">{name}</td>
              <td class="number">{formatSample(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > tableRowsMax && <p class="dim">{t.more(rows.length - tableRowsMax)}</p>}
    </ScrollRegion>
  )
}

function Numbers({ series }: { readonly series: readonly Series[] }) {
  return (
    <div class="numbers">
      {series.slice(0, drawnSeriesMax).map(({ name, samples }) => (
        <div key={name} class="number-card">
          <span class="big-number">{formatSample(Number(samples.at(-1)?.[1] ?? Number.NaN))}</span>
          {name !== '{}' && <span dir="auto">{name}</span>}
        </div>
      ))}
    </div>
  )
}

// The labels of the range: how many values and streams each has, and who writes the most bytes.

import { useSignal } from '@preact/signals'
import type { Labels, MatrixData, QueryAnswer } from '../api/answers.ts'
import { listedMax, volumeValuesMax } from '../limits.ts'
import { addMatcher, selectorOf } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatBytes, formatCount } from '../parts/figures.ts'
import { useLoad } from '../parts/use-load.ts'
import { resolveRange } from '../state/range.ts'
import { ErrorBox } from './error-box.tsx'

interface LabelRow {
  readonly name: string
  readonly values: number
  readonly streams: number
}

interface ValueRow {
  readonly value: string
  readonly bytes: number
  readonly streams: number
}

/** The view. */
export function LabelsView() {
  const app = useApp()
  const t = app.texts.value
  const chosen = useSignal('')
  const { run } = app
  const selector = selectorOf(run.value?.query ?? '') || '{}'
  const series = useLoad(
    async signal => {
      const { startNs, endNs } = resolveRange(app.range, Date.now())
      const { data } = await app.client.json<{ data: readonly Labels[] }>(
        'loki/api/v1/series',
        { 'match[]': selector, start: String(startNs), end: String(endNs) },
        { signal },
      )
      return data
    },
    [selector, run.value?.id],
  )
  const labels = series.value ? labelRows(series.value) : []
  const name = chosen.value || labels[0]?.name || ''
  const most = Math.max(1, ...labels.map(({ values }) => values))
  return (
    <section class="listing">
      <div class="listing-head">
        <h1>{t.views.labels}</h1>
        <span class="dim">
          {series.value &&
            t.labels.intro(formatCount(series.value.length), formatCount(labels.length))}
        </span>
      </div>
      {series.error !== undefined && <ErrorBox error={series.error} />}
      {series.isLoading && <p class="nothing">{t.loading}</p>}
      <div class="labels-parts">
        <ul class="label-names">
          {labels.slice(0, listedMax).map(label => (
            <li key={label.name}>
              <button
                type="button"
                class="label-name"
                aria-pressed={label.name === name}
                onClick={() => (chosen.value = label.name)}
              >
                <span class="share-bar" style={{ width: `${(label.values / most) * 100}%` }} />
                <span class="share-value" dir="auto">
                  {label.name}
                </span>
                <span class="dim">{t.labels.values(formatCount(label.values))}</span>
                <span class="dim">{t.labels.streams(formatCount(label.streams))}</span>
              </button>
            </li>
          ))}
        </ul>
        {name !== '' && series.value && (
          <LabelValues key={name} name={name} selector={selector} series={series.value} />
        )}
      </div>
    </section>
  )
}

/** Counts values and streams of each label, the label with the most values first. */
export function labelRows(series: readonly Labels[]): LabelRow[] {
  const values = new Map<string, Set<string>>()
  const streams = new Map<string, number>()
  for (const labels of series) {
    for (const [name, value] of Object.entries(labels)) {
      const known = values.get(name) ?? new Set()
      values.set(name, known.add(value))
      streams.set(name, (streams.get(name) ?? 0) + 1)
    }
  }
  return [...values]
    .map(([name, known]) => ({ name, values: known.size, streams: streams.get(name)! }))
    .sort((a, b) => b.values - a.values || (a.name < b.name ? -1 : 1))
}

interface LabelValuesProps {
  readonly name: string
  readonly selector: string
  readonly series: readonly Labels[]
}

function LabelValues({ name, selector, series }: LabelValuesProps) {
  const app = useApp()
  const t = app.texts.value
  const search = useSignal('')
  const streams = streamsOf(name, series)
  const isCompared = streams.size <= volumeValuesMax
  const volume = useLoad(
    async signal => {
      if (!isCompared) return new Map<string, number>()
      const { startNs, endNs } = resolveRange(app.range, Date.now())
      const { data } = await app.client.json<QueryAnswer<MatrixData>>(
        'loki/api/v1/index/volume',
        {
          ...{ query: selector, limit: volumeValuesMax, targetLabels: name },
          start: String(startNs),
          end: String(endNs),
        },
        { signal },
      )
      return new Map(
        data.result.map(({ metric, value }) => [metric[name] ?? '', Number(value?.[1] ?? 0)]),
      )
    },
    [name, selector, isCompared, app.run.value?.id],
  )
  const rows = valueRows(streams, volume.value ?? new Map())
  const total = Math.max(
    1,
    rows.reduce((sum, { bytes }) => sum + bytes, 0),
  )
  const wanted = search.value.toLowerCase()
  const found = rows.filter(({ value }) => value.toLowerCase().includes(wanted))
  return (
    <div class="label-values">
      <div class="listing-head">
        <h2 dir="auto">{name}</h2>
        <span class="dim">
          {isCompared ? t.labels.byBytes : t.labels.notCompared(formatCount(volumeValuesMax))}
        </span>
        <span class="spring" />
        <input
          type="search"
          placeholder={t.search}
          aria-label={t.labels.searchValues}
          value={search.value}
          onInput={event => (search.value = event.currentTarget.value)}
        />
      </div>
      {volume.error !== undefined && <ErrorBox error={volume.error} />}
      <ol>
        {found.slice(0, listedMax).map(({ value, bytes, streams }) => (
          <li key={value}>
            <button
              type="button"
              class="label-name"
              onClick={() => {
                app.go({ view: 'explore' })
                app.ask(addMatcher(app.draft.value, name, '=', value))
              }}
            >
              <span class="share-bar" style={{ width: `${(bytes / total) * 100}%` }} />
              <span class="share-value" dir="auto">
                {value}
              </span>
              {isCompared && (
                <>
                  <span class="dim">{formatBytes(bytes)}</span>
                  <span class="dim">{Math.round((bytes / total) * 100)} %</span>
                </>
              )}
              <span class="dim">{t.labels.streams(formatCount(streams))}</span>
            </button>
          </li>
        ))}
      </ol>
      {found.length > listedMax && <p class="dim">{t.more(found.length - listedMax)}</p>}
    </div>
  )
}

/** Returns each value of a label → how many streams have it. */
function streamsOf(name: string, series: readonly Labels[]): ReadonlyMap<string, number> {
  const streams = new Map<string, number>()
  for (const labels of series) {
    const value = labels[name]
    if (value !== undefined) streams.set(value, (streams.get(value) ?? 0) + 1)
  }
  return streams
}

function valueRows(
  streams: ReadonlyMap<string, number>,
  bytes: ReadonlyMap<string, number>,
): ValueRow[] {
  return [...streams]
    .map(([value, count]) => ({ value, bytes: bytes.get(value) ?? 0, streams: count }))
    .sort((a, b) => b.bytes - a.bytes || b.streams - a.streams)
}

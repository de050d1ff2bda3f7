// The templates of the lines in the range: how many lines each has, when, and which did not exist in the time before.

import { useSignal } from '@preact/signals'
import type { PatternSeries } from '../api/answers.ts'
import { listedMax } from '../limits.ts'
import { levelOf } from '../line/level.ts'
import { addStage, kindOf, quote, selectorOf } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatCount } from '../parts/figures.ts'
import { IconButton } from '../parts/icon-button.tsx'
import { useLoad } from '../parts/use-load.ts'
import { type NsRange, resolveRange } from '../state/range.ts'
import { ErrorBox } from './error-box.tsx'

interface Template {
  readonly pattern: string
  readonly level: string
  readonly count: number
  readonly samples: PatternSeries['samples']
  readonly isNew: boolean
}

/** The view. */
export function PatternsView() {
  const app = useApp()
  const t = app.texts.value
  const onlyNew = useSignal(false)
  const search = useSignal('')
  const { run } = app
  const query = run.value ? logQueryOf(run.value.query) : ''
  const found = useLoad(
    async signal => {
      const range = resolveRange(app.range, Date.now())
      const length = range.endNs - range.startNs
      const before = { startNs: range.startNs - length, endNs: range.startNs }
      const [now, earlier] = await Promise.all([
        readPatterns(app.client, query, range, signal),
        readPatterns(app.client, query, before, signal),
      ])
      return templatesOf(now, earlier)
    },
    [query, run.value?.id],
  )
  const wanted = search.value.toLowerCase()
  const templates = (found.value ?? []).filter(
    ({ pattern, isNew }) =>
      (!onlyNew.value || isNew) && (wanted === '' || pattern.toLowerCase().includes(wanted)),
  )
  const filter = (operator: '|>' | '!>', pattern: string) => {
    const base = kindOf(app.draft.value) === 'lines' ? app.draft.value : query
    app.go({ view: 'explore' })
    app.ask(addStage(base, `${operator} ${quote(pattern)}`))
  }
  return (
    <section class="listing">
      <div class="listing-head">
        <h1>{t.views.patterns}</h1>
        <span class="dim">{t.patterns.intro}</span>
        <span class="spring" />
        <input
          type="search"
          placeholder={t.search}
          aria-label={t.search}
          value={search.value}
          onInput={event => (search.value = event.currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={onlyNew.value}
            onChange={event => (onlyNew.value = event.currentTarget.checked)}
          />
          {t.patterns.onlyNew}
        </label>
      </div>
      {found.error !== undefined && <ErrorBox error={found.error} />}
      {found.isLoading && <p class="nothing">{t.loading}</p>}
      {found.value?.length === 0 && <p class="nothing">{t.patterns.none}</p>}
      <ul class="patterns">
        {templates.slice(0, listedMax).map(template => (
          <li key={`${template.level} ${template.pattern}`} class="pattern">
            <span class="pattern-count">{formatCount(template.count)}</span>
            <Curve samples={template.samples} level={template.level} />
            <span class="pattern-level">
              {template.isNew && <span class="badge new">{t.patterns.isNew}</span>}
              {template.level !== '' && (
                <span class={`level-text level-${levelOf(template.level)}`}>{template.level}</span>
              )}
            </span>
            <code class="pattern-text" dir="auto">
              <PatternText pattern={template.pattern} />
            </code>
            <span class="pattern-actions">
              <IconButton
                icon="plus"
                label={`${t.filterIn}: ${template.pattern}`}
                onClick={() => filter('|>', template.pattern)}
              />
              <IconButton
                icon="minus"
                label={`${t.filterOut}: ${template.pattern}`}
                onClick={() => filter('!>', template.pattern)}
              />
            </span>
          </li>
        ))}
      </ul>
      {templates.length > listedMax && <p class="dim">{t.more(templates.length - listedMax)}</p>}
    </section>
  )
}

function logQueryOf(query: string): string {
  return kindOf(query) === 'lines' ? query : selectorOf(query)
}

async function readPatterns(
  client: ReturnType<typeof useApp>['client'],
  query: string,
  { startNs, endNs }: NsRange,
  signal: AbortSignal,
): Promise<readonly PatternSeries[]> {
  const params = { query, start: String(startNs), end: String(endNs) }
  const { data } = await client.json<{ data?: readonly PatternSeries[] }>(
    'loki/api/v1/patterns',
    params,
    { signal },
  )
  return data ?? []
}

/** Adds up the series, the most frequent first. Those that the time before did not have are new. */
export function templatesOf(
  now: readonly PatternSeries[],
  earlier: readonly PatternSeries[],
): Template[] {
  const known = new Set(earlier.map(({ pattern }) => pattern))
  return now
    .map(({ pattern, level = '', samples }) => ({
      ...{ pattern, level, samples },
      count: samples.reduce((sum, [, count]) => sum + count, 0),
      // Without lines before, there is nothing to compare with.
      isNew: known.size > 0 && !known.has(pattern),
    }))
    .sort((a, b) => b.count - a.count)
}

function PatternText({ pattern }: { readonly pattern: string }) {
  return (
    <>
      {pattern.split(/(<_>)/).map((part, i) =>
        part === '<_>' ? (
          <span key={i} class="hole">
            …
          </span>
        ) : (
          part
        ),
      )}
    </>
  )
}

const curveWidth = 96
const curveHeight = 20

function Curve({ samples, level }: Pick<Template, 'samples' | 'level'>) {
  const most = Math.max(1, ...samples.map(([, count]) => count))
  const first = samples[0]?.[0] ?? 0
  const length = Math.max(1, (samples.at(-1)?.[0] ?? 0) - first)
  const points = samples.map(([seconds, count]) => {
    const x = ((seconds - first) / length) * curveWidth
    return `${x.toFixed(1)},${(curveHeight - (count / most) * (curveHeight - 2)).toFixed(1)}`
  })
  return (
    <svg
      class={`curve level-${levelOf(level)}`}
      viewBox={`0 0 ${curveWidth} ${curveHeight}`}
      width={curveWidth}
      height={curveHeight}
      aria-hidden="true"
    >
      <polyline points={points.length === 1 ? `${points[0]} ${curveWidth},2` : points.join(' ')} />
    </svg>
  )
}

// The fields at the side: how often each is in the loaded lines, and its most frequent values. The store counts all
// lines of the range on request.

import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { MatrixData, QueryAnswer } from '../api/answers.ts'
import {
  countedAtOnce,
  countedRowsMax,
  fieldValuesMax,
  shownFieldsMax,
  shownValuesMax,
} from '../limits.ts'
import { type FieldCount, FieldCounter } from '../line/field-counts.ts'
import type { Row } from '../line/row.ts'
import { addStage, filterField } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { formatCount } from '../parts/figures.ts'
import { IconButton } from '../parts/icon-button.tsx'
import type { Run } from '../state/app.ts'

export interface FieldListProps {
  readonly run: Run
  readonly rows: () => readonly Row[]
  readonly version: number
}

/** The list. */
export function FieldList({ run, rows, version }: FieldListProps) {
  const app = useApp()
  const t = app.texts.value.fields
  const search = useSignal('')
  const { fields, counted } = useCounts(rows, version)
  const wanted = search.value.toLowerCase()
  const found = fields.filter(({ name }) => name.toLowerCase().includes(wanted))
  return (
    <aside class="fields" aria-label={t.title}>
      <div class="fields-head">
        <h2>{t.title}</h2>
        <span class="dim">{t.ofLines(formatCount(counted))}</span>
      </div>
      <input
        type="search"
        class="fields-search"
        placeholder={t.search}
        aria-label={t.search}
        value={search.value}
        onInput={event => (search.value = event.currentTarget.value)}
      />
      <ul class="fields-list">
        {found.slice(0, wanted === '' ? shownFieldsMax : fieldValuesMax).map(field => (
          <FieldItem key={field.name} field={field} counted={counted} run={run} />
        ))}
      </ul>
    </aside>
  )
}

/** Counts a part of the rows between two frames, so that the page never stops. */
function useCounts(rows: () => readonly Row[], version: number) {
  const counter = useRef(new FieldCounter())
  const shown = useSignal<{ fields: readonly FieldCount[]; counted: number }>({
    fields: [],
    counted: 0,
  })
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const step = () => {
      const list = rows()
      const { rows: from } = counter.current
      const to = Math.min(list.length, countedRowsMax, from + countedAtOnce)
      for (let i = from; i < to; i++) counter.current.add(list[i]!)
      if (to > from) shown.value = { fields: counter.current.list(20), counted: to }
      if (to < Math.min(list.length, countedRowsMax)) timer = setTimeout(step, 30)
    }
    timer = setTimeout(step, 30)
    return () => clearTimeout(timer)
  }, [version])
  return shown.value
}

interface FieldItemProps {
  readonly field: FieldCount
  readonly counted: number
  readonly run: Run
}

function FieldItem({ field, counted, run }: FieldItemProps) {
  const app = useApp()
  const t = app.texts.value
  const isOpen = useSignal(false)
  const stored = useSignal<readonly (readonly [string, number])[] | undefined>(undefined)
  const isAsking = useSignal(false)
  const { name, count, values, distinct, origin } = field
  const ask = async () => {
    isAsking.value = true
    try {
      stored.value = await readTop(app, run, field)
    } catch (error) {
      app.say(app.explain(error))
    }
    isAsking.value = false
  }
  const shown = stored.value ?? values.slice(0, isOpen.value ? 20 : shownValuesMax)
  const most = stored.value ? Math.max(1, ...stored.value.map(([, number]) => number)) : count
  return (
    <li class="field">
      <button
        type="button"
        class="field-head"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        <span class={`origin-dot origin-${origin}`} title={t.origins[origin]} />
        <span class="field-name" dir="auto">
          {name}
        </span>
        <span class="dim">{Math.round((count / Math.max(1, counted)) * 100)} %</span>
      </button>
      {isOpen.value && (
        <div class="field-open">
          <ul>
            {shown.map(([value, number]) => (
              <li key={value} class="field-share">
                <span class="share-bar" style={{ width: `${(number / most) * 100}%` }} />
                <span class="share-value" dir="auto" title={value}>
                  {value === '' ? '""' : value}
                </span>
                <span class="dim">{formatCount(number)}</span>
                <IconButton
                  icon="plus"
                  label={`${t.filterIn}: ${name}=${value}`}
                  onClick={() =>
                    app.ask(filterField(app.draft.value, { name, value, origin }, true))
                  }
                />
                <IconButton
                  icon="minus"
                  label={`${t.filterOut}: ${name}=${value}`}
                  onClick={() =>
                    app.ask(filterField(app.draft.value, { name, value, origin }, false))
                  }
                />
              </li>
            ))}
          </ul>
          <div class="field-more">
            <span class="dim">
              {stored.value ? t.fields.byStore : t.fields.distinct(formatCount(distinct))}
            </span>
            <button type="button" class="button" disabled={isAsking.value} onClick={ask}>
              {isAsking.value ? t.loading : t.fields.askStore}
            </button>
            <IconButton
              icon="column"
              label={`${t.showColumn}: ${name}`}
              isPressed={app.address.value.columns.includes(name)}
              onClick={() => app.toggleColumn(name)}
            />
          </div>
        </div>
      )}
    </li>
  )
}

/** Lets the store count the values of a field in all lines of the query. */
async function readTop(
  app: ReturnType<typeof useApp>,
  run: Run,
  { name, origin }: FieldCount,
): Promise<(readonly [string, number])[]> {
  const needsParser =
    (origin === 'json' || origin === 'logfmt') && !run.query.includes(`| ${origin}`)
  const query = needsParser ? addStage(run.query, `| ${origin}`) : run.query
  const seconds = Math.max(1, Math.ceil(Number(run.endNs - run.startNs) / 1e9))
  const { data } = await app.client.json<QueryAnswer<MatrixData>>('loki/api/v1/query', {
    query: `topk(20, sum by (${name}) (count_over_time(${query} | ${name}!="" [${seconds}s])))`,
    time: String(run.endNs),
  })
  return data.result
    .map(({ metric, value }) => [metric[name] ?? '', Number(value?.[1] ?? 0)] as const)
    .sort((a, b) => b[1] - a[1])
}

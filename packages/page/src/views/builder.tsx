// Writes a query for people who know no LogQL: labels, their values, and what lines contain. The query is in the field
// all the time, so that they see how it is done.

import { useSignal } from '@preact/signals'
import { listedMax } from '../limits.ts'
import { escapeRegex, quote } from '../logql/logql-text.ts'
import { useApp } from '../parts/app-context.ts'
import { useLoad } from '../parts/use-load.ts'
import { resolveRange } from '../state/range.ts'

interface Chosen {
  readonly label: string
  readonly values: readonly string[]
}

/** Writes the query of what was chosen. */
export function builtQuery(chosen: readonly Chosen[], contains: string, lacks: string): string {
  const matchers = chosen
    .filter(({ values }) => values.length > 0)
    .map(({ label, values }) =>
      values.length === 1
        ? `${label}=${quote(values[0]!)}`
        : `${label}=~${quote(values.map(escapeRegex).join('|'))}`,
    )
  const selector = `{${matchers.join(', ') || 'service_name=~".+"'}}`
  const filters = [
    ...(contains === '' ? [] : [` |= ${quote(contains)}`]),
    ...(lacks === '' ? [] : [` != ${quote(lacks)}`]),
  ]
  return selector + filters.join('')
}

/** The builder below the query field. */
export function Builder() {
  const app = useApp()
  const t = app.texts.value.builder
  const chosen = useSignal<readonly Chosen[]>([])
  const contains = useSignal('')
  const lacks = useSignal('')
  const { startNs, endNs } = resolveRange(app.range, Date.now())
  const range = { start: String(startNs), end: String(endNs) }
  const labels = useLoad(
    async signal =>
      (await app.client.json<{ data?: string[] }>('loki/api/v1/labels', range, { signal })).data ??
      [],
    [app.range.from, app.range.to],
  )
  const write = () => {
    app.draft.value = builtQuery(chosen.value, contains.value, lacks.value)
  }
  const setLabel = (changed: Chosen) => {
    const others = chosen.value.filter(({ label }) => label !== changed.label)
    chosen.value = changed.values.length > 0 ? [...others, changed] : others
    write()
  }
  return (
    <section class="builder" aria-label={t.title}>
      <div class="builder-labels">
        {(labels.value ?? []).slice(0, listedMax).map(label => (
          <LabelValues
            key={label}
            label={label}
            range={range}
            chosen={chosen.value.find(other => other.label === label)?.values ?? []}
            onChange={values => setLabel({ label, values })}
          />
        ))}
      </div>
      <div class="builder-texts">
        <label>
          {t.contains}
          <input
            type="text"
            value={contains.value}
            onInput={event => {
              contains.value = event.currentTarget.value
              write()
            }}
          />
        </label>
        <label>
          {t.lacks}
          <input
            type="text"
            value={lacks.value}
            onInput={event => {
              lacks.value = event.currentTarget.value
              write()
            }}
          />
        </label>
        <button type="button" class="button primary" onClick={() => app.submit()}>
          {app.texts.value.show}
        </button>
      </div>
    </section>
  )
}

interface LabelValuesProps {
  readonly label: string
  readonly range: { readonly start: string; readonly end: string }
  readonly chosen: readonly string[]
  readonly onChange: (values: readonly string[]) => void
}

function LabelValues({ label, range, chosen, onChange }: LabelValuesProps) {
  const app = useApp()
  const t = app.texts.value
  const isOpen = useSignal(false)
  const search = useSignal('')
  const values = useSignal<readonly string[]>([])
  const open = async () => {
    isOpen.value = !isOpen.value
    if (!isOpen.value || values.value.length > 0) return
    try {
      const path = `loki/api/v1/label/${encodeURIComponent(label)}/values`
      values.value = (await app.client.json<{ data?: string[] }>(path, range)).data ?? []
    } catch (error) {
      app.say(app.explain(error))
    }
  }
  const found = values.value.filter(value =>
    value.toLowerCase().includes(search.value.toLowerCase()),
  )
  return (
    <div class="builder-label">
      <button type="button" class="button" aria-expanded={isOpen.value} onClick={open}>
        {label}
        {chosen.length > 0 && <span class="badge">{chosen.length}</span>}
      </button>
      {isOpen.value && (
        <div class="builder-values">
          {values.value.length > 8 && (
            <input
              type="search"
              aria-label={`${t.search}: ${label}`}
              placeholder={t.search}
              value={search.value}
              onInput={event => (search.value = event.currentTarget.value)}
            />
          )}
          {found.slice(0, listedMax).map(value => (
            <label key={value} class="check">
              <input
                type="checkbox"
                checked={chosen.includes(value)}
                onChange={event =>
                  onChange(
                    event.currentTarget.checked
                      ? [...chosen, value]
                      : chosen.filter(other => other !== value),
                  )
                }
              />
              <span dir="auto">{value}</span>
            </label>
          ))}
          {found.length > listedMax && <p class="dim">{t.more(found.length - listedMax)}</p>}
        </div>
      )}
    </div>
  )
}

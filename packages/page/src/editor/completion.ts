// Suggests what can be written at a place in a query: label names, their values, stages, fields, functions.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import type { DetectedField } from '../api/answers.ts'
import { completionsMax } from '../limits.ts'
import { quote, selectorRange } from '../logql/logql-text.ts'
import type { App } from '../state/app.ts'
import { resolveRange } from '../state/range.ts'

const stages = [
  'json',
  'logfmt',
  'pattern',
  'regexp',
  'unpack',
  'line_format',
  'label_format',
  'decolorize',
  'drop',
  'keep',
  'unwrap',
] as const
const lineFilters = ['|=', '!=', '|~', '!~', '|>', '!>'] as const
const functions = [
  'rate',
  'count_over_time',
  'bytes_rate',
  'bytes_over_time',
  'absent_over_time',
  'rate_counter',
  'sum_over_time',
  'avg_over_time',
  'min_over_time',
  'max_over_time',
  'first_over_time',
  'last_over_time',
  'stdvar_over_time',
  'stddev_over_time',
  'quantile_over_time',
  'sum',
  'avg',
  'min',
  'max',
  'count',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'sort',
  'sort_desc',
  'label_replace',
  'vector',
  'duration',
  'duration_seconds',
  'bytes',
  'ip',
  'by',
  'without',
] as const

export type DocumentedName =
  | (typeof stages)[number]
  | (typeof functions)[number]
  | (typeof lineFilters)[number]

/** Where the cursor is. */
export type Place =
  | { readonly kind: 'label'; readonly from: number }
  | {
      readonly kind: 'value'
      readonly from: number
      readonly label: string
      readonly isOpen: boolean
    }
  | { readonly kind: 'stage'; readonly from: number }
  | { readonly kind: 'function'; readonly from: number }
  | { readonly kind: 'none' }

/** Finds out what can be written at a place. */
export function placeAt(query: string, at: number): Place {
  const before = query.slice(0, at)
  const brace = openBrace(before)
  if (brace >= 0) {
    const inside = before.slice(brace + 1)
    const value = /([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*("?)([^",}]*)$/.exec(inside)
    if (value) {
      const isOpen = value[2] === '"'
      const from = at - value[3]!.length - (isOpen ? 1 : 0)
      return { kind: 'value', from, label: value[1]!, isOpen }
    }
    const label = /(?:^|,)\s*([A-Za-z_]\w*)?$/.exec(inside)
    return label ? { kind: 'label', from: at - (label[1]?.length ?? 0) } : { kind: 'none' }
  }
  const stage = /\|\s*([A-Za-z_]*)$/.exec(before)
  if (stage && selectorRange(before)) return { kind: 'stage', from: at - stage[1]!.length }
  const name = /(?:^|[\s(,+\-*/])([a-z_]+)$/.exec(before)
  if (name && !/"[^"]*$/.test(before)) return { kind: 'function', from: at - name[1]!.length }
  return { kind: 'none' }
}

/** Returns the place of a brace that is still open, or -1. Braces in quotes do not count. */
function openBrace(text: string): number {
  const plain = text.replaceAll(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, found => ' '.repeat(found.length))
  const open = plain.lastIndexOf('{')
  return open > plain.lastIndexOf('}') ? open : -1
}

/** Answers the editor. */
export async function complete(
  app: App,
  context: CompletionContext,
): Promise<CompletionResult | null> {
  const query = context.state.doc.toString()
  const place = placeAt(query, context.pos)
  const result = (from: number, options: Completion[]) => ({
    from,
    options: options.slice(0, completionsMax),
    validFor: /^[\w"]*$/,
  })
  switch (place.kind) {
    case 'label':
      return result(
        place.from,
        (await ask<string>(app, 'labels')).map(label => ({
          label,
          type: 'property',
          apply: `${label}=`,
        })),
      )
    case 'value': {
      const values = await ask<string>(app, `label/${encodeURIComponent(place.label)}/values`)
      return result(
        place.from,
        values.map(label => valueCompletion(label, query, context.pos)),
      )
    }
    case 'stage':
      return result(place.from, [...named(app, stages, 'keyword'), ...(await fields(app, query))])
    case 'function':
      return result(place.from, named(app, functions, 'function'))
    case 'none':
      return context.explicit ? result(context.pos, named(app, functions, 'function')) : null
  }
}

function valueCompletion(value: string, query: string, at: number): Completion {
  const quoted = quote(value)
  const hasQuote = query[at] === '"'
  return {
    label: quoted,
    displayLabel: value,
    type: 'text',
    apply: (view, _completion, from, to) =>
      view.dispatch({
        changes: { from, to: hasQuote ? to + 1 : to, insert: quoted },
        selection: { anchor: from + quoted.length },
      }),
  }
}

function named(app: App, names: readonly DocumentedName[], type: string): Completion[] {
  const { documents } = app.texts.value
  return names.map(label => ({ label, type, info: documents[label] }))
}

async function ask<Item>(app: App, path: string): Promise<readonly Item[]> {
  const { startNs, endNs } = resolveRange(app.range, Date.now())
  const range = { start: String(startNs), end: String(endNs) }
  const { data } = await app.client.json<{ data?: readonly Item[] }>(`loki/api/v1/${path}`, range)
  return data ?? []
}

/** The fields of the query's lines, which filters may name. */
async function fields(app: App, query: string): Promise<Completion[]> {
  const selector = selectorRange(query)
  if (!selector) return []
  const { startNs, endNs } = resolveRange(app.range, Date.now())
  const { fields: found = [] } = await app.client.json<{ fields?: readonly DetectedField[] }>(
    'loki/api/v1/detected_fields',
    {
      query: query.slice(selector.from, selector.to),
      start: String(startNs),
      end: String(endNs),
    },
  )
  return found.map(({ label, type }) => ({
    label,
    type: 'variable',
    detail: type,
    apply: `${label}=`,
  }))
}

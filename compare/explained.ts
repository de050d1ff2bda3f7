// Known differences, either intended or quirks of Loki. Each has its reason in docs/differences.md
// under the same name. Most are verified: Loki gets another query that avoids the quirk and must
// then answer like Skald, or the part that the quirk affects is removed from both answers and the
// rest is equal. Explanations with only `applies` check just the query and the two answers.

import { formatLogql, type LogExpr, type MetricExpr } from '@skald/query'
import { type Answer, difference } from './answers.ts'
import type { CompareQuery } from './queries.ts'
import { metricsOf, rewriteQuery } from './rewrite.ts'

/** A query and its two answers. */
export interface FoundDifference {
  readonly query: CompareQuery
  readonly wanted: Answer
  readonly got: Answer
}

type Ask = (query: CompareQuery) => Promise<Answer>

/** Servers that can be queried again. */
export interface Witnesses {
  readonly loki: Ask
  /** A Loki that does not split queries into shards. */
  readonly unshardedLoki: Ask
  readonly skald: Ask
}

/** A kind of difference. */
export interface Explanation {
  /** Its name in docs/differences.md. */
  readonly name: string
  /** Returns an equivalent query to send to Loki instead, or `undefined` if there is none. */
  readonly inOtherWords?: (logql: string) => string | undefined
  /** Whether to query the Loki without shards instead. */
  readonly isUnsharded?: boolean
  /** Removes the differing part from an answer. Used if `applies`. */
  readonly leaveOut?: (answer: Answer, wanted: Answer) => Answer
  /** Returns the query without the differing part. Both servers must give the same answer to it. */
  readonly without?: (logql: string) => string | undefined
  /** Returns whether this can explain a difference. If absent, it always can. */
  readonly applies?: (
    difference: FoundDifference,
    witnesses: Witnesses,
  ) => boolean | Promise<boolean>
}

/** The series of a good answer, in the form of `canonical` in answers.ts. */
type Series = readonly (readonly [labels: string, values: readonly unknown[]])[]

function seriesOf({ data }: Answer): Series {
  const { result } = (data ?? {}) as { result?: Series }
  return Array.isArray(result) ? result : []
}

const isGood = ({ status }: Answer) => status === 200
const areGood = ({ wanted, got }: FoundDifference) => isGood(wanted) && isGood(got)

function withSeries(answer: Answer, series: Series): Answer {
  const sorted = series.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  return { ...answer, data: { ...(answer.data as object), result: sorted } }
}

/** Changes the texts of labels and entries. */
function mapTexts(answer: Answer, change: (text: string) => string): Answer {
  if (!isGood(answer)) return answer
  const changed = seriesOf(answer).map(([labels, values]) => {
    if (typeof labels !== 'string') return [labels, values] as const
    const items = values.map(value => (typeof value === 'string' ? change(value) : value))
    return [change(labels), items] as const
  })
  return withSeries(answer, changed)
}

/**
 * Returns all sample values of an answer, sorted, for when it does not matter which series has
 * which.
 */
function valuesOf(answer: Answer): string[] {
  return seriesOf(answer)
    .flatMap(([, samples]) => samples.map(sample => String(sample)))
    .sort()
}

// Rewrites an average as the sum of the samples divided by the count of all lines without an error.
function inSumAndCount(expr: MetricExpr): MetricExpr {
  const { kind } = expr
  if (kind !== 'range' || expr.op !== 'avg_over_time') return expr
  const { unwrap, grouping, log, ...range } = expr
  if (!unwrap || !grouping || grouping.without) return expr
  const noError = { name: '__error__', op: '=', value: '' } as const
  const stages = [
    ...log.stages,
    { kind: 'labelFilter', filter: { kind: 'matcher', matcher: noError } } as const,
  ]
  const sumOf = (operand: MetricExpr): MetricExpr => ({
    kind: 'aggregation',
    op: 'sum',
    grouping,
    operand,
  })
  return {
    kind: 'binary',
    op: '/',
    left: sumOf({ ...range, log, unwrap, op: 'sum_over_time' }),
    right: sumOf({ ...range, log: { ...log, stages }, op: 'count_over_time' }),
    returnsBool: false,
  }
}

// Returns true if the query fails only in shards, on lines that a parser cannot read. Without
// shards it returns Skald's series.
async function failsOnErrorLines(
  { query, wanted, got }: FoundDifference,
  { unshardedLoki }: Witnesses,
): Promise<boolean> {
  if (!query.logql.includes('avg_over_time') || !isGood(got)) return false
  if (wanted.status !== 400 || !/'(JSON|Logfmt)ParserErr'/.test(wanted.error)) return false
  const namesOf = (answer: Answer) =>
    new Set(seriesOf(answer).map(([labels]) => withoutEmptyLabels(labels)))
  // If a query asks for lines with an error, they have all their labels there, so they are grouped
  // again.
  const whole = await unshardedLoki({ ...query, logql: groupedTwice(query.logql) })
  return isGood(whole) && namesOf(whole).symmetricDifference(namesOf(got)).size === 0
}

function groupedTwice(logql: string): string {
  const [outer] = metricsOf(logql)
  if (outer?.kind !== 'range' || !outer.grouping) return logql
  const { grouping } = outer
  return formatLogql({ kind: 'aggregation', op: 'sum', grouping, operand: outer })
}

// Returns true if the query has both errors: for some part of it both servers report the one, for
// another part the other.
async function hasBothErrors(
  { query, wanted, got }: FoundDifference,
  { loki, skald }: Witnesses,
): Promise<boolean> {
  if (isGood(wanted) || isGood(got)) return false
  const agreed = new Set<number>()
  for (const expr of metricsOf(query.logql).slice(1)) {
    const part = { ...query, logql: formatLogql(expr) }
    const [first, second] = [await loki(part), await skald(part)]
    if (first.status === second.status) agreed.add(first.status)
  }
  return agreed.has(wanted.status) && agreed.has(got.status)
}

const emptyOperands = 'operands with labels without a value'

// Returns true if the operands are equal on both servers, or explained, and one of them has labels
// without a value in Loki, which changes how Loki pairs and counts series.
async function haveEqualOperands(
  { query, wanted, got }: FoundDifference,
  witnesses: Witnesses,
): Promise<boolean> {
  const isPairing = /^(found duplicate series|multiple matches)/.test(wanted.error)
  if (!(isGood(wanted) || isPairing) || !isGood(got)) return false
  const [outer] = metricsOf(query.logql).flatMap(expr => {
    if (expr.kind === 'binary') return [[expr.left, expr.right]]
    return expr.kind === 'aggregation' ? [[expr.operand]] : []
  })
  let hasEmpty = false
  for (const operand of outer ?? []) {
    const part = { ...query, logql: formatLogql(operand) }
    const [first, second] = [await witnesses.loki(part), await witnesses.skald(part)]
    if (!isGood(first) || !isGood(second)) return false
    if (difference(first, second)) {
      const names = await explain({ query: part, wanted: first, got: second }, witnesses)
      if (!names) return false
      hasEmpty ||= names.includes(emptyOperands)
    }
    hasEmpty ||= seriesOf(first).some(([labels]) => `${labels}`.includes('":""'))
    hasEmpty ||= seriesOf(withoutTwins(first)).length < seriesOf(first).length
    hasEmpty ||= doublesOf(first).size > 0
  }
  return hasEmpty
}

const isPicking = (op: string) => op === 'topk' || op === 'bottomk'

// Returns true if each topk of a query has the same values on both servers, whichever series have
// them.
async function pickSameValues(
  { query }: FoundDifference,
  { loki, skald }: Witnesses,
): Promise<boolean> {
  for (const expr of metricsOf(query.logql)) {
    if (expr.kind !== 'aggregation' || !isPicking(expr.op)) continue
    const one = { ...query, logql: formatLogql(expr) }
    const [wanted, got] = [await loki(one), await skald(one)]
    if (!isGood(wanted) || !isGood(got)) return false
    if (difference(asOneSeries(wanted), asOneSeries(got))) return false
  }
  return true
}

function asOneSeries(answer: Answer): Answer {
  const samples = valuesOf(answer).map(text => text.split(','))
  return { ...answer, data: samples }
}

export const explanations: readonly Explanation[] = [
  {
    name: 'numbers in other bases',
    inOtherWords: logql =>
      logql.replace(
        /([<>=] *)(0[xb][0-9a-f]+)\b/gi,
        (_all, op, number) => `${op}${Number(number)}`,
      ),
  },
  {
    name: '`ip("…")` in a chain of `or`',
    inOtherWords: logql =>
      rewriteQuery(logql, {
        stage: stage => {
          if (stage.kind !== 'lineFilter' || stage.op !== '|=' || stage.terms.length < 3)
            return stage
          return {
            ...stage,
            terms: stage.terms.map(({ value }) => ({ kind: 'text' as const, value })),
          }
        },
      }),
  },
  {
    // Loki does not do this with filters combined from two.
    name: 'label_format-drop-keep :: rename removes the old name',
    inOtherWords: logql =>
      rewriteQuery(logql, {
        labelFilter: filter =>
          filter.kind === 'and' || filter.kind === 'or'
            ? filter
            : { kind: 'or', left: filter, right: filter },
      }),
  },
  {
    name: 'avg_over_time with unwrap, in shards',
    isUnsharded: true,
    applies: ({ query: { logql } }) => /avg_over_time\([\s\S]*\bunwrap\b/.test(logql),
  },
  {
    name: 'avg_over_time by labels, which counts lines without a sample',
    inOtherWords: logql => rewriteQuery(logql, { metric: inSumAndCount }),
    applies: failsOnErrorLines,
  },
  {
    name: 'topk and bottomk of a number',
    applies: ({ query: { logql }, wanted, got }) =>
      /\b(topk|bottomk)\b/.test(logql) && wanted.status === 500 && got.status === 400,
  },
  {
    name: 'templates that are none in metric queries',
    applies: ({ wanted, got }) =>
      (isGood(wanted) || wanted.error.startsWith('found duplicate series')) &&
      got.status === 400 &&
      /invalid (line template|template for label)|multiple label name/.test(got.error),
  },
  {
    name: 'sizes such as 10MiB',
    applies: async ({ query, got }, { loki }) => {
      const logql = query.logql.replaceAll('10MiB', '10MB')
      return logql !== query.logql && !difference(await loki({ ...query, logql }), got)
    },
  },
  {
    name: 'the first of several errors',
    applies: hasBothErrors,
  },
  {
    name: 'characters cut in two in labels',
    applies: areGood,
    leaveOut: answer => mapTexts(answer, text => text.replace(/\ufffd+/g, '\ufffd')),
  },
  {
    name: 'a parser after characters cut in two',
    applies: difference => areGood(difference) && cutsCharacters(difference.query.logql),
    leaveOut: answer => mapTexts(answer, text => text.replace(/ at pos \d+ /g, ' at pos ? ')),
  },
  {
    name: 'averages of infinite values',
    applies: difference =>
      areGood(difference) &&
      metricsOf(difference.query.logql).some(
        expr => expr.kind === 'aggregation' && expr.op === 'avg',
      ),
    leaveOut: withoutInfinities,
  },
  {
    name: 'mixed-stages :: metadata through | logfmt | keep level, status, pod, categorised',
    applies: difference => difference.query.isCategorized && areGood(difference),
    leaveOut: answer => mapTexts(answer, withoutCategories),
  },
  {
    name: 'a field of a line that is called `__error__`',
    applies: difference =>
      areGood(difference) && JSON.stringify(difference.wanted.data).includes('mine'),
    leaveOut: answer =>
      mapTexts(answer, text => text.replace(/"__error__":"[^"]*"/, '"__error__":"?"')),
  },
  {
    name: 'unixToTime of no time',
    applies: difference =>
      areGood(difference) && JSON.stringify(difference.wanted.data).includes('%!w('),
    leaveOut: answer =>
      mapTexts(answer, text => text.replace(/(calling unixToTime: )[^"\\]*/g, '$1')),
  },
  {
    name: 'series that label_replace makes alike',
    applies: difference => areGood(difference) && difference.query.logql.includes('label_replace'),
    leaveOut: joinTwins,
  },
  {
    name: 'series with two values at a time',
    applies: difference => areGood(difference) && doublesOf(difference.wanted).size > 0,
    leaveOut: (answer, wanted) => withoutDoubles(answer, doublesOf(wanted)),
  },
  {
    name: 'series with labels without a value',
    applies: difference =>
      areGood(difference) &&
      seriesOf(difference.wanted).some(([labels]) => labels.includes('":""')),
    leaveOut: (answer, wanted) =>
      withoutTwins(mapTexts(answer, withoutEmptyLabels), mapTexts(wanted, withoutEmptyLabels)),
  },
  {
    name: 'series with the same labels',
    applies: difference =>
      areGood(difference) &&
      seriesOf(withoutTwins(difference.wanted)).length < seriesOf(difference.wanted).length,
    leaveOut: withoutTwins,
  },
  {
    name: 'logfmt :: one renamed field count',
    applies: ({ query: { logql } }) => metricsOf(logql).length > 0,
    without: logql =>
      rewriteQuery(logql, {
        stage: stage => {
          if (stage.kind !== 'logfmt') return stage
          const names = new Set(stage.extractions.map(({ name }) => name))
          return { ...stage, extractions: [...names].map(name => ({ name, expression: name })) }
        },
      }),
  },
  {
    name: 'labels that are taken away and set again',
    applies: ({ query: { logql } }) =>
      metricsOf(logql).some(expr => 'grouping' in expr && expr.grouping?.without === false),
    without: logql => rewriteQuery(logql, { stage: withoutTaking }),
  },
  {
    name: 'bytes of characters cut in two',
    applies: ({ query: { logql } }) => cutsCharacters(logql),
    without: logql =>
      rewriteQuery(logql, {
        metric: expr => {
          if (expr.kind !== 'range') return expr
          if (expr.op === 'bytes_rate') return { ...expr, op: 'rate' }
          return expr.op === 'bytes_over_time' ? { ...expr, op: 'count_over_time' } : expr
        },
      }),
  },
  {
    name: 'one key twice in logfmt',
    without: logql =>
      rewriteQuery(logql, {
        stage: stage => {
          if (stage.kind !== 'logfmt') return stage
          const seen = new Set<string>()
          const extractions = stage.extractions.filter(({ expression }) => {
            if (seen.has(expression)) return false
            seen.add(expression)
            return true
          })
          return { ...stage, extractions }
        },
      }),
  },
  {
    name: 'one label twice in json',
    without: logql =>
      rewriteQuery(logql, {
        stage: stage => {
          if (stage.kind !== 'json') return stage
          const byName = new Map(stage.extractions.map(one => [one.name, one]))
          return { ...stage, extractions: [...byName.values()] }
        },
      }),
  },
  {
    name: emptyOperands,
    applies: haveEqualOperands,
  },
  {
    name: 'equal values in topk and bottomk',
    applies: pickSameValues,
    without: logql =>
      rewriteQuery(logql, {
        metric: expr => (expr.kind === 'aggregation' && isPicking(expr.op) ? expr.operand : expr),
      }),
  },
  {
    name: 'the last digits of numbers',
    applies: areGood,
    without: logql =>
      rewriteQuery(logql, {
        metric: expr =>
          expr.kind === 'binary' && ['%', '==', '!=', '<', '<=', '>', '>='].includes(expr.op)
            ? { ...expr, op: '-', returnsBool: false }
            : expr,
      }),
  },
]

// Replaces a stage that removes labels by a filter that accepts every line.
function withoutTaking(stage: LogExpr['stages'][number]): LogExpr['stages'][number] {
  const takes =
    stage.kind === 'drop' ||
    stage.kind === 'keep' ||
    (stage.kind === 'labelFormat' && stage.items.some(({ kind }) => kind === 'rename'))
  return takes ? { kind: 'lineFilter', op: '|=', terms: [{ kind: 'text', value: '' }] } : stage
}

// Returns true if a template of the query removes single bytes of a text.
function cutsCharacters(logql: string): boolean {
  return /\bline_format\b/.test(logql) && /\b(trunc|substr|alignLeft|alignRight)\b/.test(logql)
}

// Removes averages that are infinite or NaN, because each can become the other.
function withoutInfinities(answer: Answer): Answer {
  const hasNumber = (sample: unknown) => !/,(NaN|[+-]Inf)$/.test(String(sample))
  return withSeries(
    answer,
    seriesOf(answer).map(([labels, values]) => [labels, values.filter(hasNumber)]),
  )
}

function withoutCategories(text: string): string {
  if (!text.startsWith('[')) return text
  const [time, line, labels] = JSON.parse(text) as [string, string, Record<string, object>]
  const all = { ...labels.structuredMetadata, ...labels.parsed }
  const sorted = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([time, line, Object.fromEntries(sorted)])
}

function withoutEmptyLabels(text: string): string {
  if (!text.startsWith('{')) return text
  const labels = JSON.parse(text) as Record<string, string>
  return JSON.stringify(
    Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')),
  )
}

// Reduces series with the same labels, in this answer or in Loki's, to one without values.
function withoutTwins(answer: Answer, wanted: Answer = answer): Answer {
  const twins = Map.groupBy(seriesOf(wanted), ([labels]) => labels)
  const byLabels = Map.groupBy(seriesOf(answer), ([labels]) => labels)
  return withSeries(
    answer,
    [...byLabels].map(([labels, series]) => {
      const hasTwin = series.length > 1 || (twins.get(labels)?.length ?? 0) > 1
      return hasTwin ? [labels, []] : series[0]!
    }),
  )
}

// Returns labels and times for which a series has several values.
function doublesOf(answer: Answer): ReadonlySet<string> {
  const seen = new Set<string>()
  const doubles = new Set<string>()
  for (const [labels, values] of seriesOf(answer)) {
    for (const sample of values) {
      if (!Array.isArray(sample)) continue
      const place = `${labels} ${sample[0]}`
      if (seen.has(place)) doubles.add(place)
      seen.add(place)
    }
  }
  return doubles
}

function withoutDoubles(answer: Answer, doubles: ReadonlySet<string>): Answer {
  const isSingle = (labels: string, sample: unknown) =>
    !Array.isArray(sample) || !doubles.has(`${labels} ${sample[0]}`)
  return withSeries(
    answer,
    seriesOf(answer).map(([labels, values]) => [
      labels,
      values.filter(sample => isSingle(labels, sample)),
    ]),
  )
}

// Joins the values of series with the same labels.
function joinTwins(answer: Answer): Answer {
  const byLabels = Map.groupBy(seriesOf(answer), ([labels]) => labels)
  return withSeries(
    answer,
    [...byLabels].map(([labels, series]) => [
      labels,
      series.flatMap(([, values]) => values).sort(),
    ]),
  )
}

/**
 * Returns the names of the explanations of a difference, or `undefined` if a part of it remains.
 */
export async function explain(
  found: FoundDifference,
  witnesses: Witnesses,
): Promise<readonly string[] | undefined> {
  const asked = await askOtherwise(found, witnesses)
  if (!difference(asked.wanted, found.got)) return asked.names
  const left = { ...found, wanted: asked.wanted }
  const leftOut = await leaveOut(left, witnesses)
  if (leftOut) return [...asked.names, ...leftOut]
  const leftOutAtOnce = asked.names.length > 0 && (await leaveOut(found, witnesses))
  if (leftOutAtOnce) return leftOutAtOnce
  for (const { name, applies, without } of explanations) {
    if (!without || (applies && !(await applies(left, witnesses)))) continue
    const logql = without(found.query.logql)
    if (logql === undefined || logql === rewriteQuery(found.query.logql, {})) continue
    const query = { ...found.query, logql }
    const [wanted, got] = [await witnesses.loki(query), await witnesses.skald(query)]
    if (!difference(wanted, got)) return [name]
    const others = await explain({ query, wanted, got }, witnesses)
    if (others) return [name, ...others]
  }
  return undefined
}

// Returns Loki's answer to the equivalent query, and the names of the explanations that changed it.
async function askOtherwise(
  { query, wanted, got }: FoundDifference,
  { loki, unshardedLoki }: Witnesses,
): Promise<{ readonly wanted: Answer; readonly names: readonly string[] }> {
  let current = { query, wanted, loki }
  const names: string[] = []
  for (const { name, inOtherWords, isUnsharded, applies } of explanations) {
    if (!difference(current.wanted, got)) break
    let next = current
    if (
      isUnsharded &&
      (await applies?.({ query, wanted, got }, { loki, unshardedLoki, skald: loki }))
    ) {
      next = { ...current, loki: unshardedLoki, wanted: await unshardedLoki(current.query) }
    } else if (inOtherWords) {
      const logql = inOtherWords(current.query.logql)
      if (logql === undefined || logql === current.query.logql) continue
      const other = { ...query, logql }
      next = { ...current, query: other, wanted: await current.loki(other) }
    }
    if (!difference(current.wanted, next.wanted)) continue
    // A printed tree is worded differently everywhere. Rewordings meant to change nothing must not
    // change the answer.
    const plain = rewriteQuery(current.query.logql, {})
    if (next.query !== current.query && name !== explanations[0]!.name && plain) {
      const same = await current.loki({ ...query, logql: plain })
      if (difference(current.wanted, same)) continue
    }
    current = next
    names.push(name)
  }
  return { wanted: current.wanted, names }
}

// Returns the names of what had to be removed from both answers to make them equal.
async function leaveOut(
  found: FoundDifference,
  witnesses: Witnesses,
): Promise<readonly string[] | undefined> {
  let { wanted, got } = found
  const names: string[] = []
  for (const explanation of explanations) {
    const { name, applies, without, isUnsharded } = explanation
    if (without || isUnsharded || !(await applies?.({ ...found, wanted, got }, witnesses))) continue
    if (!explanation.leaveOut) return [name]
    const [first, second] = [
      explanation.leaveOut(wanted, wanted),
      explanation.leaveOut(got, wanted),
    ]
    if (difference(first, wanted) || difference(second, got)) names.push(name)
    wanted = first
    got = second
    if (!difference(wanted, got)) return names
  }
  return undefined
}

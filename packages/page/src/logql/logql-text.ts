// Reads and changes LogQL as text, as far as clicks on the page need it. The store decides what is right; these
// functions only know where quotes, braces and pipes are.

import type { FieldOrigin } from '../line/fields.ts'

/** What a query yields: lines, or samples. */
export type QueryKind = 'lines' | 'samples'

/** A text in quotes, with escapes, or in backticks. */
const quoted = /"(?:[^"\\]|\\.)*"|`[^`]*`/y

/** Returns the kind of a query. Log queries begin with a selector. */
export function kindOf(query: string): QueryKind {
  return /^[\s(]*\{/.test(query) ? 'lines' : 'samples'
}

/** Returns where the first selector begins and ends (behind its brace), or `undefined`. */
export function selectorRange(query: string): { from: number; to: number } | undefined {
  let from = -1
  for (let i = 0; i < query.length; i++) {
    quoted.lastIndex = i
    const text = quoted.exec(query)
    if (text) i += text[0].length - 1
    else if (query[i] === '{' && from < 0) from = i
    else if (query[i] === '}' && from >= 0) return { from, to: i + 1 }
  }
  return undefined
}

/** Returns the first selector of a query, or an empty text. */
export function selectorOf(query: string): string {
  const range = selectorRange(query)
  return range ? query.slice(range.from, range.to) : ''
}

/** Returns where the log query in a query ends: before the range `[5m]` of a metric query, or at its end. */
function pipelineEnd(query: string): number {
  if (kindOf(query) === 'lines') return query.trimEnd().length
  const start = selectorRange(query)?.to ?? 0
  for (let i = start; i < query.length; i++) {
    quoted.lastIndex = i
    const text = quoted.exec(query)
    if (text) i += text[0].length - 1
    else if (query[i] === '[' || query[i] === ')') return query.slice(0, i).trimEnd().length
  }
  return query.trimEnd().length
}

/** Quotes a text for LogQL. */
export function quote(text: string): string {
  return JSON.stringify(text)
}

/** Quotes a text for a regular expression of LogQL. */
export function escapeRegex(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** Writes a selector of labels. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${quote(value)}`)
  return `{${pairs.join(', ')}}`
}

/** Adds a matcher to the first selector, or replaces the one of the same label that says the opposite. */
export function addMatcher(query: string, name: string, operator: string, value: string): string {
  const range = selectorRange(query)
  const matcher = `${name}${operator}${quote(value)}`
  if (!range) return `{${matcher}}`
  const inside = query
    .slice(range.from + 1, range.to - 1)
    .trim()
    .replace(/,$/, '')
  if (inside.includes(matcher)) return query
  const kept = withoutMatcher(inside, name, operator, value)
  const list = kept === '' ? matcher : `${kept}, ${matcher}`
  return `${query.slice(0, range.from)}{${list}}${query.slice(range.to)}`
}

/** Leaves out what a matcher replaces: the opposite, or `name=~".+"`, which it says more exactly. */
function withoutMatcher(inside: string, name: string, operator: string, value: string): string {
  const opposite = operator === '=' ? '!=' : '='
  const replaced = [`${name}${opposite}${quote(value)}`, `${name}=~".+"`]
  return matchersOf(inside)
    .filter(matcher => !replaced.includes(matcher.replaceAll(/\s*(=~|!~|!=|=)\s*/g, '$1')))
    .join(', ')
}

function matchersOf(inside: string): string[] {
  return inside.match(/[A-Za-z_]\w*\s*(?:=~|!~|!=|=)\s*(?:"(?:[^"\\]|\\.)*"|`[^`]*`)/g) ?? []
}

/** Adds a stage to the pipeline of a query. */
export function addStage(query: string, stage: string): string {
  const end = pipelineEnd(query)
  const before = query.slice(0, end)
  if (before.endsWith(stage)) return query
  return `${before} ${stage}${query.slice(end)}`
}

/** Adds a filter for a field, behind the parser that finds it. */
export function filterField(
  query: string,
  field: { readonly name: string; readonly value: string; readonly origin: FieldOrigin },
  isIn: boolean,
): string {
  const { name, value, origin } = field
  if (origin === 'label') return addMatcher(query, name, isIn ? '=' : '!=', value)
  const stage = `| ${name}${isIn ? '=' : '!='}${quote(value)}`
  const opposite = ` | ${name}${isIn ? '!=' : '='}${quote(value)}`
  const base = query.replace(opposite, '')
  const needsParser =
    (origin === 'json' || origin === 'logfmt') && !new RegExp(`\\|\\s*${origin}\\b`).test(base)
  return addStage(needsParser ? addStage(base, `| ${origin}`) : base, stage)
}

/** Returns a regular expression for what the line filters of a query look for, or `undefined`. */
export function marksOf(query: string): RegExp | undefined {
  const sources: string[] = []
  let ignoresCase = false
  const filter =
    /(\|=|\|~)\s*((?:"(?:[^"\\]|\\.)*"|`[^`]*`)(?:\s+or\s+(?:"(?:[^"\\]|\\.)*"|`[^`]*`))*)/g
  for (const [, operator, texts = ''] of query.matchAll(filter)) {
    for (const text of texts.match(/"(?:[^"\\]|\\.)*"|`[^`]*`/g) ?? []) {
      const plain = unquote(text)
      if (plain === '') continue
      if (operator === '|=') sources.push(escapeRegex(plain))
      else {
        if (plain.startsWith('(?i)')) ignoresCase = true
        sources.push(plain.replace(/^\(\?[a-z]+\)/, ''))
      }
    }
  }
  if (sources.length === 0) return undefined
  try {
    return new RegExp(sources.map(source => `(?:${source})`).join('|'), ignoresCase ? 'gi' : 'g')
  } catch {
    // Go's expressions have forms that a browser does not know. Then nothing is marked.
    return undefined
  }
}

function unquote(text: string): string {
  if (text.startsWith('`')) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    return text.slice(1, -1)
  }
}

/** Returns the query that counts the lines of a log query by level, in steps. */
export function countByLevel(query: string, stepSeconds: number): string {
  return `sum by (detected_level) (count_over_time(${query.trim()} [${stepSeconds}s]))`
}

/** Where the store says that a query is wrong. */
export interface QueryFault {
  /** Characters from the begin of the query. */
  readonly from: number
  readonly to: number
  readonly message: string
}

/** Reads the place in an error such as `parse error at line 1, col 9: syntax error: unexpected }`. */
export function faultOf(message: string, query: string): QueryFault {
  const place = /line (\d+), col (\d+)/.exec(message)
  const lines = query.split('\n')
  const line = Math.min(lines.length, Math.max(1, Number(place?.[1] ?? 1)))
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
  const column = place ? Math.max(0, Number(place[2]) - 1) : 0
  const from = Math.min(query.length, before + column)
  if (!place) return { from: 0, to: query.length, message }
  const word = /^(?:\w+|\s*\S)/.exec(query.slice(from))?.[0].length ?? 0
  const to = Math.min(query.length, from + Math.max(1, word))
  return { from: from === to ? Math.max(0, from - 1) : from, to, message }
}

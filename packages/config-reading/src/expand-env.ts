// `-config.expand-env`: expands ${...} in the text of a configuration before it is parsed as YAML.
// Supports the forms of drone/envsubst, which Promtail uses, with braces only. A number in braces
// stays as it is, because it is a group of a regular expression; Promtail replaces it with nothing.

import type { ConfigProblem } from './config-problem.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Replaces every `${...}` with its value, except for `${1}` and the like. `$$` and `\\` stand for
 * one character.
 */
export function expandEnvironment(text: string, env: Environment): string {
  return expandRange({ text, closings: closingBraces(text), env }, 0, text.length)
}

/**
 * Returns a function that adds a note to a problem if `-config.expand-env` changed its line, or if
 * the line has a variable and the flag is missing.
 *
 * @param expanded The expanded text; undefined without the flag.
 */
export function expansionNotes(
  written: string,
  expanded: string | undefined,
): <P extends ConfigProblem>(problem: P) => P {
  const writtenLines = new Set(written.split('\n'))
  const notes = (expanded ?? written)
    .split('\n')
    .map(line =>
      expanded === undefined ? unfilledNote(line) : !writtenLines.has(line) && changedNote,
    )
  return problem => {
    const ofText = expanded === undefined && unfilledNote(problem.message)
    const note = ofText || notes[problem.line - 1]
    return note ? { ...problem, message: `${problem.message} (${note})` } : problem
  }
}

const changedNote =
  '-config.expand-env changed this line: it replaces \\\\ with \\ and $$ with $, and expands ${...}'

function unfilledNote(text: string): string | undefined {
  const name = /\$\{#?([A-Za-z_]\w*)/.exec(text)?.[1]
  return name && `\${${name}} is only expanded with -config.expand-env=true`
}

/** A text, with the offset of the closing brace for each `${`. */
interface Source {
  readonly text: string
  readonly closings: ReadonlyMap<number, number>
  readonly env: Environment
}

function closingBraces(text: string): Map<number, number> {
  const closings = new Map<number, number>()
  const open: number[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '$' && text[at + 1] === '{') open.push(at)
    else if (text[at] === '}') {
      const opening = open.pop()
      if (opening !== undefined) closings.set(opening, at)
    }
  }
  return closings
}

function expandRange(source: Source, from: number, to: number): string {
  const { text, closings } = source
  // Collected, because a text that grows by one character at a time burdens the garbage collector.
  const pieces: string[] = []
  for (let at = from; at < to; ) {
    const start = at
    while (at < to && text[at] !== '$' && text[at] !== '\\') at++
    if (at > start) pieces.push(text.slice(start, at))
    if (at === to) break
    const sign = text[at]!
    const next = at + 1 < to ? text[at + 1] : undefined
    if (next === sign) {
      pieces.push(sign)
      at += 2
    } else if (sign === '$' && next === '{') {
      const end = closings.get(at)
      if (end === undefined || end >= to) {
        pieces.push(text.slice(at, to))
        break
      }
      pieces.push(expandBody(source, at + 2, end))
      at = end + 1
    } else {
      pieces.push(sign)
      at++
    }
  }
  return pieces.join('')
}

const operatorSign = /[:=\-+#%/^,]/g

/** Expands the text inside braces. */
function expandBody(source: Source, from: number, to: number): string {
  const { text, env } = source
  const body = text.slice(from, to)
  if (/^\d+$/.test(body)) return `\${${body}}`
  if (text[from] === '#') return String((env[text.slice(from + 1, to)] ?? '').length)
  operatorSign.lastIndex = from
  const sign = operatorSign.exec(text)
  const operator = sign && sign.index < to ? sign.index : to
  const value = env[text.slice(from, operator).trim()] ?? ''
  const isDefault = (at: number) => text[at] === '-' || text[at] === '='
  const isLongDefault = text[operator] === ':' && isDefault(operator + 1) && operator + 1 < to
  if (operator < to && (isLongDefault || isDefault(operator))) {
    if (value !== '') return value
    return expandRange(source, operator + (isLongDefault ? 2 : 1), to)
  }
  const operation = text.slice(operator, to)
  const argument = (part: string) => expandEnvironment(part, env)
  switch (operation[0]) {
    case ':':
      return substring(value, operation.slice(1))
    case '^':
      return operation === '^^' ? value.toUpperCase() : mapFirst(value, c => c.toUpperCase())
    case ',':
      return operation === ',,' ? value.toLowerCase() : mapFirst(value, c => c.toLowerCase())
    case '#':
      return trimStart(value, argument(operation.replace(/^##?/, '')), operation.startsWith('##'))
    case '%':
      return trimEnd(value, argument(operation.replace(/^%%?/, '')), operation.startsWith('%%'))
    case '/':
      return replaceText(value, operation, argument)
    default:
      return value
  }
}

function mapFirst(text: string, map: (first: string) => string): string {
  return map(text.slice(0, 1)) + text.slice(1)
}

function substring(value: string, range: string): string {
  const [offset = '0', length] = range.split(':')
  const from = Number.parseInt(offset, 10) || 0
  if (length === undefined) return value.slice(from)
  return value.slice(from, from + (Number.parseInt(length, 10) || 0))
}

function trimStart(value: string, pattern: string, isLongest: boolean): string {
  const lengths = Array.from({ length: value.length + 1 }, (_, i) => i)
  const order = isLongest ? lengths.toReversed() : lengths
  const matches = globMatcher(pattern)
  const length = order.find(n => matches(value.slice(0, n)))
  return length === undefined ? value : value.slice(length)
}

function trimEnd(value: string, pattern: string, isLongest: boolean): string {
  const starts = Array.from({ length: value.length + 1 }, (_, i) => i)
  const order = isLongest ? starts : starts.toReversed()
  const matches = globMatcher(pattern)
  const start = order.find(n => matches(value.slice(n)))
  return start === undefined ? value : value.slice(0, start)
}

/** Compiles a shell pattern without classes: only `*` and `?`. */
function globMatcher(pattern: string): (text: string) => boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[\\s\\S]*')
    .replaceAll('?', '[\\s\\S]')
  const regex = new RegExp(`^${source}$`)
  return text => regex.test(text)
}

function replaceText(value: string, operation: string, argument: (text: string) => string): string {
  const kind = operation.slice(1, 2)
  const hasKind = kind === '/' || kind === '#' || kind === '%'
  const body = operation.slice(hasKind ? 2 : 1)
  const slash = body.indexOf('/')
  const from = argument(slash < 0 ? body : body.slice(0, slash))
  const to = slash < 0 ? '' : argument(body.slice(slash + 1))
  if (from === '') return value
  if (kind === '/') return value.replaceAll(from, () => to)
  if (kind === '#') return value.startsWith(from) ? to + value.slice(from.length) : value
  if (kind === '%') {
    return value.endsWith(from) ? value.slice(0, value.length - from.length) + to : value
  }
  return value.replace(from, () => to)
}

// Label filters as data, and how they are read and printed: `status >= 500 and (method = "GET" or …)`.

import {
  formatGoDuration,
  formatLogqlBytes,
  parseLogqlBytes,
  quoteGoString,
} from '@skald/go-dialect'
import { formatMatcher, type Matcher } from '@skald/wire'
import { LogqlSyntaxError } from '../errors.ts'
import type { CompareOp } from '../pipeline/compare-numbers.ts'
import { literalText, type PrintStyle } from './literal-text.ts'
import { depthMax, literalOf, type TokenReader } from './token-reader.ts'

/** One condition on a label. */
export type LabelCondition =
  | { readonly kind: 'matcher'; readonly matcher: Matcher }
  | {
      readonly kind: 'ip'
      readonly name: string
      readonly op: '=' | '!='
      readonly pattern: string
    }
  | {
      readonly kind: 'number' | 'bytes'
      readonly name: string
      readonly op: CompareOp
      readonly value: number
    }
  | {
      readonly kind: 'duration'
      readonly name: string
      readonly op: CompareOp
      readonly valueNs: bigint
    }

/** Conditions that are joined by `and` and `or`. */
export type LabelFilter =
  | LabelCondition
  | { readonly kind: 'and' | 'or'; readonly left: LabelFilter; readonly right: LabelFilter }

const compareOps = new Set(['=', '==', '!=', '>', '>=', '<', '<='])

/**
 * Parses a label filter. `and` binds tighter than `or`. A comma, or nothing at all, has no precedence: it
 * joins the filter right before it with everything that follows.
 *
 * @throws LogqlSyntaxError
 */
export function parseLabelFilter(reader: TokenReader, least = 0): LabelFilter {
  return reader.deeper(() => {
    let left = parseAtom(reader)
    for (let links = 0; links < depthMax; links++) {
      const { type } = reader.peek()
      if (type === 'or' || type === 'and') {
        const precedence = type === 'or' ? 1 : 2
        if (precedence < least) return left
        reader.take()
        needLabelFilter(reader)
        left = { kind: type, left, right: parseLabelFilter(reader, precedence + 1) }
      } else if (type === ',' || type === 'IDENTIFIER' || type === '(') {
        reader.takeIf(',')
        needLabelFilter(reader)
        left = { kind: 'and', left, right: parseLabelFilter(reader) }
      } else return left
    }
    throw new LogqlSyntaxError(`more than ${depthMax} label filters in a row`, reader.here())
  })
}

/** @throws LogqlSyntaxError unless a label filter begins here. */
export function needLabelFilter(reader: TokenReader): void {
  const { type } = reader.peek()
  if (type !== 'IDENTIFIER' && type !== '(') reader.refuse('IDENTIFIER', '(')
}

function parseAtom(reader: TokenReader): LabelFilter {
  if (reader.takeIf('(')) {
    const inner = parseLabelFilter(reader)
    if (!reader.takeIf(')')) reader.refuse()
    return inner
  }
  const name = reader.expect('IDENTIFIER', '(').text
  const { type: op } = reader.peek()
  if (op === '=~' || op === '!~') {
    reader.take()
    return { kind: 'matcher', matcher: { name, op, value: reader.expect('STRING').text } }
  }
  if (!compareOps.has(op)) reader.refuse()
  reader.take()
  return parseComparison(reader, name, op)
}

function parseComparison(reader: TokenReader, name: string, op: string): LabelFilter {
  const value = reader.peek()
  const isEquality = op === '=' || op === '!='
  const compare = (op === '=' ? '==' : op) as CompareOp
  switch (value.type) {
    case 'DURATION':
      reader.take()
      return { kind: 'duration', name, op: compare, valueNs: value.durationNs }
    case 'BYTES':
      reader.take()
      return { kind: 'bytes', name, op: compare, value: roundedBytes(value.number) }
    case 'NUMBER':
    case '+':
    case '-':
      return { kind: 'number', name, op: compare, value: parseFilterNumber(reader) }
  }
  if (isEquality && value.type === 'STRING') {
    reader.take()
    return { kind: 'matcher', matcher: { name, op, value: value.text } }
  }
  if (isEquality && value.type === 'ip') {
    reader.take()
    reader.expect('(')
    const pattern = reader.expect('STRING').text
    reader.expect(')')
    return { kind: 'ip', name, op, pattern }
  }
  return reader.refuse()
}

function parseFilterNumber(reader: TokenReader): number {
  const sign = reader.sign()
  const { text } = reader.expect('NUMBER')
  // Go's integers with a prefix are no floats to it, but a filter may have them.
  const integer = /^0[xXbBoO]_?[\da-fA-F]+(?:_[\da-fA-F]+)*$/.test(text)
  return sign * (integer ? Number(text.replaceAll('_', '')) : literalOf(text))
}

// Loki reads a query again in its printed form, where sizes have two digits.
function roundedBytes(bytes: number): number {
  return parseLogqlBytes(formatLogqlBytes(bytes))
}

/** Writes a label filter. */
export function formatLabelFilter(filter: LabelFilter, style: PrintStyle): string {
  switch (filter.kind) {
    case 'matcher':
      return formatMatcher(filter.matcher)
    case 'ip':
      return `${filter.name}${filter.op}ip(${quoteGoString(filter.pattern)})`
    case 'number':
      return `${filter.name}${filter.op}${literalText(filter.value)}`
    case 'bytes': {
      const text = style.isExact ? `${filter.value}B` : formatLogqlBytes(filter.value)
      return `${filter.name}${filter.op}${text}`
    }
    case 'duration':
      return `${filter.name}${filter.op}${formatGoDuration(filter.valueNs)}`
    case 'and':
    case 'or': {
      const left = formatLabelFilter(filter.left, style)
      const right = formatLabelFilter(filter.right, style)
      return `( ${left} ${filter.kind === 'and' ? ',' : 'or'} ${right} )`
    }
  }
}

/** Calls `visit` with each condition of a filter, from left to right. */
export function visitConditions(
  filter: LabelFilter,
  visit: (condition: LabelCondition) => void,
): void {
  if ('left' in filter) {
    visitConditions(filter.left, visit)
    visitConditions(filter.right, visit)
  } else visit(filter)
}

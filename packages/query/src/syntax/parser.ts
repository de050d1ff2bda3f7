// LogQL tokens to the syntax tree, by recursive descent. Where a token does not fit, the error names
// it and, in the places where Loki's parser does, what could have stood there.

import { formatLogqlBytes, parseLogqlBytes } from '@skald/go-dialect'
import { parseFloatText } from '@skald/go-dialect/number/conversions'
import type { Matcher, MatcherOp } from '@skald/wire'
import { LogqlKindError, LogqlSyntaxError } from '../errors.ts'
import type {
  CompareOp,
  Expr,
  Extraction,
  Grouping,
  LabelFilter,
  LabelFormatItem,
  LabelPick,
  LineFilterOp,
  LineFilterTerm,
  LogExpr,
  MetricExpr,
  Stage,
  Unwrap,
  UnwrapConversion,
} from '../syntax-tree/ast.ts'
import { Lexer, type Token } from '../tokens/lexer.ts'
import { checkQuery, checkRangeAggregation, checkVectorAggregation } from './check.ts'
import { type BinaryModifier, createBinaryOperation } from './fold.ts'
import {
  binaryPrecedences,
  isBinaryOp,
  type RangeOp,
  rangeOperations,
  type VectorOp,
  vectorOperations,
} from './operations.ts'

/** Longest query in bytes. */
export const queryLengthMax = 131_072
/** Deepest nesting, so that no walk over a tree runs out of stack. */
const depthMax = 1_000

const lineFilterOps = new Set(['|=', '!=', '|~', '!~', '|>', '!>'])
const compareOps = new Set(['=', '==', '!=', '>', '>=', '<', '<='])
const rangeTokens = new Set(Object.keys(rangeOperations).map(op => op.toUpperCase()))
const vectorTokens = new Set(Object.keys(vectorOperations).map(op => op.toUpperCase()))

/**
 * Parses and checks a query.
 *
 * @throws LogqlSyntaxError with Loki's text.
 */
export function parseLogql(text: string): Expr {
  const expr = parseUnchecked(text)
  checkQuery(expr)
  return expr
}

/**
 * Parses a query that selects streams only, for `labels`, `series` and the like; `{}` is refused.
 *
 * @throws LogqlSyntaxError, or LogqlKindError where the query has a pipeline or is a metric query.
 */
export function parseSelector(text: string): readonly Matcher[] {
  const expr = parseLogql(text)
  if (expr.kind !== 'log' || expr.stages.length > 0) {
    throw new LogqlKindError('only label matchers are supported')
  }
  return expr.matchers
}

/**
 * Parses a log query.
 *
 * @throws LogqlSyntaxError; LogqlKindError with Loki's text for a metric query.
 */
export function parseLogQuery(text: string): LogExpr {
  const expr = parseLogql(text)
  if (expr.kind !== 'log') throw new LogqlKindError('only log selector is supported')
  return expr
}

/** Parses matchers as `parseSelector`, but lets `{}` and matchers that fit the empty text stand. */
export function parseMatchers(text: string): readonly Matcher[] {
  const expr = parseUnchecked(text)
  if (expr.kind !== 'log' || expr.stages.length > 0) {
    throw new LogqlKindError('only label matchers are supported')
  }
  return expr.matchers
}

function parseUnchecked(text: string): Expr {
  const length = Buffer.byteLength(text)
  if (length >= queryLengthMax) {
    throw new LogqlSyntaxError(`input size too long (${length} > ${queryLengthMax})`)
  }
  return new Parser(new Lexer(text)).parse()
}

// What may stand inside the parentheses of a range aggregation, in any order of its parts.
interface LogRange {
  readonly log: LogExpr
  readonly rangeNs: bigint
  readonly offsetNs: bigint
  readonly unwrap?: Unwrap
}

// Guards the one token of look-ahead.
class Parser {
  readonly #lexer: Lexer
  #ahead: Token | undefined
  #depth = 0

  constructor(lexer: Lexer) {
    this.#lexer = lexer
  }

  parse(): Expr {
    const expr = this.#expr(0)
    if (this.#peek().type !== '$end') this.#unexpected()
    return expr
  }

  #peek(): Token {
    this.#ahead ??= this.#lexer.next()
    return this.#ahead
  }

  #take(): Token {
    const token = this.#peek()
    this.#ahead = undefined
    return token
  }

  #takeIf(type: string): Token | undefined {
    return this.#peek().type === type ? this.#take() : undefined
  }

  #expect(type: string, ...others: string[]): Token {
    if (this.#peek().type !== type) this.#unexpected(type, ...others)
    return this.#take()
  }

  #unexpected(...expected: string[]): never {
    const token = this.#peek()
    const expecting = expected.length > 0 ? `, expecting ${expected.join(' or ')}` : ''
    throw new LogqlSyntaxError(`syntax error: unexpected ${token.type}${expecting}`, this.#here())
  }

  #here(): { line: number; column: number } {
    const { line, column } = this.#peek()
    return { line, column }
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > depthMax) {
      throw new LogqlSyntaxError(`expression nests deeper than ${depthMax}`, this.#here())
    }
    const result = parse()
    this.#depth--
    return result
  }

  #expr(least: number): Expr {
    return this.#deeper(() => this.#binaryChain(this.#operand(), least))
  }

  // Goes on behind a first operand with operators of at least the given precedence.
  #binaryChain(first: Expr, least: number): Expr {
    let left = first
    for (let links = 0; ; links++) {
      const op = this.#peek().type
      if (!isBinaryOp(op)) return left
      const precedence = binaryPrecedences[op]
      if (precedence < least) return left
      if (links >= depthMax) {
        throw new LogqlSyntaxError(`more than ${depthMax} operators in a row`, this.#here())
      }
      this.#take()
      const modifier = this.#binaryModifier()
      const right = this.#expr(op === '^' ? precedence : precedence + 1)
      left = createBinaryOperation(op, left, right, modifier)
    }
  }

  #operand(): Expr {
    const token = this.#peek()
    if (token.type === '{') {
      const log = this.#logExpr()
      if (this.#hasPipe) this.#unexpected()
      return log
    }
    if (token.type === '(') {
      this.#take()
      const inner = this.#expr(0)
      this.#closeExpr()
      return inner
    }
    if (token.type === 'NUMBER' || token.type === '+' || token.type === '-') {
      return { kind: 'literal', value: this.#literal() }
    }
    if (rangeTokens.has(token.type)) return this.#rangeAggregation()
    if (vectorTokens.has(token.type)) return this.#vectorAggregation()
    if (token.type === 'label_replace') return this.#labelReplace()
    if (token.type === 'VECTOR') {
      this.#take()
      this.#expect('(')
      const { text } = this.#expect('NUMBER')
      this.#expect(')')
      return { kind: 'vector', value: readFloat(text, 'unable to parse vectorExpr as a float') }
    }
    return this.#unexpected()
  }

  #closeExpr(): void {
    if (!this.#takeIf(')')) this.#unexpected()
  }

  #metric(): MetricExpr {
    const expr = this.#expr(0)
    // A log query may stand only as an operand, where the check names it.
    if (expr.kind === 'log') this.#unexpected()
    return expr
  }

  #literal(): number {
    const sign = this.#takeIf('-') ? -1 : 1
    if (sign > 0) this.#takeIf('+')
    return sign * literalOf(this.#expect('NUMBER').text)
  }

  #filterNumber(): number {
    const sign = this.#takeIf('-') ? -1 : 1
    if (sign > 0) this.#takeIf('+')
    const { text } = this.#expect('NUMBER')
    // Go's integers with a prefix are no floats to it, but a filter may have them.
    const integer = /^0[xXbBoO]_?[\da-fA-F]+(?:_[\da-fA-F]+)*$/.test(text)
    return sign * (integer ? Number(text.replaceAll('_', '')) : literalOf(text))
  }

  #logExpr(): LogExpr {
    const matchers = this.#selector()
    return { kind: 'log', matchers, stages: this.#pipeline() }
  }

  #selector(): Matcher[] {
    this.#expect('{')
    const matchers: Matcher[] = []
    if (this.#takeIf('}')) return matchers
    if (this.#peek().type !== 'IDENTIFIER') this.#unexpected('IDENTIFIER', '}')
    for (;;) {
      const name = this.#expect('IDENTIFIER').text
      const op = this.#peek().type
      if (op !== '=' && op !== '=~' && op !== '!~' && op !== '!=') {
        this.#unexpected('=', '=~', '!~', '!=')
      }
      this.#take()
      matchers.push({ name, op: op as MatcherOp, value: this.#expect('STRING').text })
      if (this.#takeIf('}')) return matchers
      if (!this.#takeIf(',')) this.#unexpected('}', ',')
    }
  }

  // Stages up to what is none; `unwrap` is left to the range aggregation.
  #pipeline(): Stage[] {
    const stages: Stage[] = []
    for (;;) {
      const token = this.#peek()
      if (lineFilterOps.has(token.type)) {
        stages.push(this.#lineFilter())
      } else if (token.type === '|') {
        this.#take()
        if (this.#peek().type === 'unwrap') {
          this.#hasPipe = true
          return stages
        }
        stages.push(this.#stage())
      } else return stages
    }
  }

  // Set while the pipe in front of `unwrap` is taken and the unwrap is not.
  #hasPipe = false

  #lineFilter(): Stage {
    const op = this.#take()
    const terms: LineFilterTerm[] = []
    do {
      if (this.#takeIf('ip')) {
        this.#expect('(')
        terms.push({ kind: 'ip', value: this.#expect('STRING').text })
        this.#expect(')')
      } else terms.push({ kind: 'text', value: this.#expect('STRING', 'ip').text })
    } while (this.#takeIf('or'))
    return { kind: 'lineFilter', op: op.type as LineFilterOp, terms }
  }

  #stage(): Stage {
    const token = this.#peek()
    switch (token.type) {
      case 'json':
        this.#take()
        return { kind: 'json', extractions: this.#extractions() }
      case 'logfmt':
        return this.#logfmt()
      case 'regexp':
      case 'pattern':
        this.#take()
        return { kind: token.type, pattern: this.#expect('STRING').text }
      case 'unpack':
      case 'decolorize':
        this.#take()
        return { kind: token.type }
      case 'line_format':
        this.#take()
        return { kind: 'lineFormat', template: this.#expect('STRING').text }
      case 'label_format':
        this.#take()
        return { kind: 'labelFormat', items: this.#list(() => this.#labelFormatItem()) }
      case 'drop':
      case 'keep':
        this.#take()
        return { kind: token.type, picks: this.#list(() => this.#labelPick()) }
      case 'IDENTIFIER':
      case '(':
        return { kind: 'labelFilter', filter: this.#labelFilter() }
      default:
        return this.#unexpected()
    }
  }

  #list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.#takeIf(',')) items.push(item())
    return items
  }

  #logfmt(): Stage {
    this.#take()
    let isStrict = false
    let keepsEmpty = false
    for (let flag = this.#takeIf('PARSER_FLAG'); flag; flag = this.#takeIf('PARSER_FLAG')) {
      if (flag.text === '--strict') isStrict = true
      else keepsEmpty = true
    }
    return { kind: 'logfmt', isStrict, keepsEmpty, extractions: this.#extractions() }
  }

  #extractions(): Extraction[] {
    if (this.#peek().type !== 'IDENTIFIER') return []
    return this.#list(() => {
      const name = this.#expect('IDENTIFIER').text
      const expression = this.#takeIf('=') ? this.#expect('STRING').text : name
      return { name, expression }
    })
  }

  #labelFormatItem(): LabelFormatItem {
    const name = this.#expect('IDENTIFIER').text
    this.#expect('=')
    const source = this.#takeIf('IDENTIFIER')
    if (source) return { kind: 'rename', name, value: source.text }
    if (this.#peek().type !== 'STRING') this.#unexpected('IDENTIFIER', 'STRING')
    return { kind: 'template', name, value: this.#take().text }
  }

  #labelPick(): LabelPick {
    const name = this.#expect('IDENTIFIER').text
    const op = this.#peek().type
    if (op !== '=' && op !== '=~' && op !== '!~' && op !== '!=') return { name }
    this.#take()
    return { name, matcher: { name, op: op as MatcherOp, value: this.#expect('STRING').text } }
  }

  // `and` binds tighter than `or`. A comma, or nothing at all, has no precedence: it joins what stands
  // right before it with everything behind it.
  #labelFilter(least = 0): LabelFilter {
    return this.#deeper(() => {
      let left = this.#filterAtom()
      for (let links = 0; links < depthMax; links++) {
        const { type } = this.#peek()
        if (type === 'or' || type === 'and') {
          const precedence = type === 'or' ? 1 : 2
          if (precedence < least) return left
          this.#take()
          this.#needFilter()
          left = { kind: type, left, right: this.#labelFilter(precedence + 1) }
        } else if (type === ',' || type === 'IDENTIFIER' || type === '(') {
          this.#takeIf(',')
          this.#needFilter()
          left = { kind: 'and', left, right: this.#labelFilter() }
        } else return left
      }
      throw new LogqlSyntaxError(`more than ${depthMax} label filters in a row`, this.#here())
    })
  }

  #needFilter(): void {
    const { type } = this.#peek()
    if (type !== 'IDENTIFIER' && type !== '(') this.#unexpected('IDENTIFIER', '(')
  }

  #filterAtom(): LabelFilter {
    if (this.#takeIf('(')) {
      const inner = this.#labelFilter()
      if (!this.#takeIf(')')) this.#unexpected()
      return inner
    }
    const name = this.#expect('IDENTIFIER', '(').text
    const { type: op } = this.#peek()
    if (op === '=~' || op === '!~') {
      this.#take()
      return { kind: 'matcher', matcher: { name, op, value: this.#expect('STRING').text } }
    }
    if (!compareOps.has(op)) this.#unexpected()
    this.#take()
    return this.#comparison(name, op)
  }

  #comparison(name: string, op: string): LabelFilter {
    const value = this.#peek()
    const isEquality = op === '=' || op === '!='
    const compare = (op === '=' ? '==' : op) as CompareOp
    switch (value.type) {
      case 'DURATION':
        this.#take()
        return { kind: 'duration', name, op: compare, valueNs: value.durationNs }
      case 'BYTES':
        this.#take()
        return { kind: 'bytes', name, op: compare, value: roundedBytes(value.number) }
      case 'NUMBER':
      case '+':
      case '-':
        return { kind: 'number', name, op: compare, value: this.#filterNumber() }
    }
    if (isEquality && value.type === 'STRING') {
      this.#take()
      return { kind: 'matcher', matcher: { name, op, value: value.text } }
    }
    if (isEquality && value.type === 'ip') {
      this.#take()
      this.#expect('(')
      const pattern = this.#expect('STRING').text
      this.#expect(')')
      return { kind: 'ip', name, op, pattern }
    }
    return this.#unexpected()
  }

  #rangeAggregation(): MetricExpr {
    const op = this.#take().text as RangeOp
    this.#expect('(')
    let parameter: number | undefined
    const { type } = this.#peek()
    if (type === 'NUMBER') {
      parameter = readFloat(this.#take().text, `invalid parameter for operation ${op}`)
      this.#expect(',')
      if (this.#peek().type !== '{' && this.#peek().type !== '(') this.#unexpected('{', '(')
    } else if (type !== '{' && type !== '(') this.#unexpected('NUMBER', '{', '(')
    const range = this.#logRange()
    this.#expect(')')
    const grouping = this.#grouping()
    return checkRangeAggregation({
      kind: 'range',
      op,
      ...(parameter !== undefined && { parameter }),
      ...range,
      ...(grouping && { grouping }),
    })
  }

  // A selector with its range; pipeline and unwrap stand in front of the range or behind it.
  #logRange(): LogRange {
    return this.#deeper(() => {
      if (this.#takeIf('(')) {
        const inner = this.#parenthesizedRange()
        if ('rangeNs' in inner) return inner
        return { ...inner, ...this.#rangeAndOffset('RANGE') }
      }
      const head = this.#rangeHead()
      const isBare = head.log.stages.length === 0 && !head.unwrap
      const range = this.#rangeAndOffset(...(head.unwrap ? ['RANGE', '|'] : []))
      if (!isBare) return { ...head, ...range }
      const stages = this.#pipeline()
      const unwrap = this.#unwrap()
      return { log: { ...head.log, stages }, ...(unwrap && { unwrap }), ...range }
    })
  }

  // Behind a parenthesis: a whole range, or only what stands in front of one.
  #parenthesizedRange(): LogRange | Pick<LogRange, 'log' | 'unwrap'> {
    return this.#deeper(() => {
      if (this.#takeIf('(')) {
        const inner = this.#parenthesizedRange()
        const whole = 'rangeNs' in inner ? inner : { ...inner, ...this.#rangeAndOffset('RANGE') }
        this.#expect(')')
        return whole
      }
      if (this.#peek().type !== '{') this.#unexpected('{', '(')
      const head = this.#rangeHead()
      if (this.#takeIf(')')) return head
      const range = this.#rangeAndOffset()
      const isBare = head.log.stages.length === 0 && !head.unwrap
      const stages = isBare ? this.#pipeline() : head.log.stages
      const unwrap = head.unwrap ?? (isBare ? this.#unwrap() : undefined)
      this.#expect(')')
      return { log: { ...head.log, stages }, ...(unwrap && { unwrap }), ...range }
    })
  }

  #rangeHead(): Pick<LogRange, 'log' | 'unwrap'> {
    if (this.#peek().type !== '{') this.#unexpected('{', '(')
    const log = this.#logExpr()
    const unwrap = this.#unwrap()
    return { log, ...(unwrap && { unwrap }) }
  }

  #rangeAndOffset(...expected: string[]): { rangeNs: bigint; offsetNs: bigint } {
    if (this.#peek().type !== 'RANGE') this.#unexpected(...expected)
    const rangeNs = this.#take().durationNs
    const offsetNs = this.#takeIf('offset') ? this.#expect('DURATION').durationNs : 0n
    return { rangeNs, offsetNs }
  }

  #unwrap(): Unwrap | undefined {
    if (!this.#hasPipe) return undefined
    this.#hasPipe = false
    this.#expect('unwrap')
    const conversionTypes = ['BYTES_CONV', 'DURATION_CONV', 'DURATION_SECONDS_CONV']
    const { type } = this.#peek()
    let conversion: UnwrapConversion | undefined
    let label: string
    if (conversionTypes.includes(type)) {
      conversion = this.#take().text as UnwrapConversion
      this.#expect('(')
      label = this.#expect('IDENTIFIER').text
      this.#expect(')')
    } else label = this.#expect('IDENTIFIER', ...conversionTypes).text
    const filters: LabelFilter[] = []
    while (this.#takeIf('|')) {
      this.#needFilter()
      filters.push(this.#labelFilter())
    }
    return { label, ...(conversion && { conversion }), filters }
  }

  #grouping(): Grouping | undefined {
    const { type } = this.#peek()
    if (type !== 'by' && type !== 'without') return undefined
    this.#take()
    return { without: type === 'without', labels: this.#labelNames() }
  }

  #labelNames(): string[] {
    this.#expect('(')
    if (this.#takeIf(')')) return []
    if (this.#peek().type !== 'IDENTIFIER') this.#unexpected('IDENTIFIER', ')')
    const names = [this.#take().text]
    while (!this.#takeIf(')')) {
      if (!this.#takeIf(',')) this.#unexpected(',', ')')
      names.push(this.#expect('IDENTIFIER').text)
    }
    return names
  }

  #vectorAggregation(): MetricExpr {
    const op = this.#take().text as VectorOp
    const before = this.#grouping()
    this.#expect('(')
    let operand: Expr | undefined
    let parameter: Token | undefined
    if (this.#peek().type === 'NUMBER') {
      // A number is the parameter where a comma follows, and else begins an expression.
      const number = this.#take()
      if (this.#takeIf(',')) parameter = number
      else operand = this.#binaryChain({ kind: 'literal', value: literalOf(number.text) }, 0)
    }
    operand ??= this.#expr(0)
    // A log query is no operand here, and nothing that follows it makes it one.
    if (operand.kind === 'log' || !this.#takeIf(')')) this.#unexpected()
    let grouping = before ?? this.#grouping()
    // `by ()` keeps no label, as no grouping at all does.
    if (grouping?.labels.length === 0 && !grouping.without) grouping = undefined
    return checkVectorAggregation(
      {
        kind: 'aggregation',
        op,
        ...(parameter && { parameter: Number(parameter.text) }),
        ...(grouping && { grouping }),
        operand,
      },
      parameter?.text,
    )
  }

  #binaryModifier(): BinaryModifier {
    const returnsBool = this.#takeIf('bool') !== undefined
    const { type } = this.#peek()
    if (type !== 'on' && type !== 'ignoring') return { returnsBool }
    this.#take()
    const labels = this.#labelNames()
    const side = this.#peek().type
    if (side !== 'group_left' && side !== 'group_right') {
      return { returnsBool, matching: { on: type === 'on', labels, include: [] } }
    }
    this.#take()
    const include = this.#peek().type === '(' ? this.#labelNames() : []
    const group = side === 'group_left' ? 'left' : 'right'
    return { returnsBool, matching: { on: type === 'on', labels, group, include } }
  }

  #labelReplace(): MetricExpr {
    this.#take()
    this.#expect('(')
    const operand = this.#metric()
    const texts: string[] = []
    for (let i = 0; i < 4; i++) {
      this.#expect(',')
      texts.push(this.#expect('STRING').text)
    }
    this.#expect(')')
    const [destination, replacement, source, pattern] = texts as [string, string, string, string]
    return { kind: 'labelReplace', operand, destination, replacement, source, pattern }
  }
}

function literalOf(text: string): number {
  return readFloat(text, 'unable to parse literal as a float')
}

function readFloat(text: string, problem: string): number {
  try {
    return parseFloatText(text)
  } catch (error) {
    throw new LogqlSyntaxError(`${problem}: ${(error as Error).message}`, { cause: error })
  }
}

// Loki reads a query again in its printed form, where sizes have two digits.
function roundedBytes(bytes: number): number {
  return parseLogqlBytes(formatLogqlBytes(bytes))
}

// Parses LogQL tokens into the syntax tree, by recursive descent. The error for an unexpected token names it
// and, where Loki's parser does, the expected tokens.

import type { Matcher, MatcherOp } from '@skald/wire'
import { binaryPrecedences, isBinaryOp } from '../aggregation/binary-operators.ts'
import type { Grouping } from '../aggregation/grouping.ts'
import { type RangeOp, rangeDefinitions } from '../aggregation/range-table.ts'
import { type VectorOp, vectorDefinitions } from '../aggregation/vector-table.ts'
import { LogqlKindError, LogqlSyntaxError } from '../errors.ts'
import { nestingMax, queryLengthMax } from '../limits.ts'
import { type Stage, stageAt } from '../stages/stage-table.ts'
import { parseUnwrap, type Unwrap } from '../stages/unwrap-syntax.ts'
import type { Expr, LogExpr, MetricExpr } from '../syntax-tree/ast.ts'
import { Lexer, type Token } from '../tokens/lexer.ts'
import { literalOf, readFloat, TokenReader } from '../tokens/token-reader.ts'
import { checkQuery, checkRangeAggregation, checkVectorAggregation } from './check.ts'
import { type BinaryModifier, createBinaryOperation } from './fold.ts'
import { words } from './words.ts'

const rangeTokens = new Set(rangeDefinitions.map(({ op }) => op.toUpperCase()))
const vectorTokens = new Set(vectorDefinitions.map(({ op }) => op.toUpperCase()))

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
 * Parses a query that only selects streams, for `labels`, `series` and the like. Rejects `{}`.
 *
 * @throws LogqlSyntaxError, or LogqlKindError if the query has a pipeline or is a metric query.
 */
export function parseSelector(text: string): readonly Matcher[] {
  return onlyMatchers(parseLogql(text))
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

/** Parses matchers like `parseSelector`, but accepts `{}` and matchers that match the empty text. */
export function parseMatchers(text: string): readonly Matcher[] {
  return onlyMatchers(parseUnchecked(text))
}

function onlyMatchers(expr: Expr): readonly Matcher[] {
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
  return new Parser(new TokenReader(new Lexer(text, words))).parse()
}

// The content of a range aggregation's parentheses. Its parts may come in any order.
interface LogRange {
  readonly log: LogExpr
  readonly rangeNs: bigint
  readonly offsetNs: bigint
  readonly unwrap?: Unwrap
}

class Parser {
  readonly #reader: TokenReader

  constructor(reader: TokenReader) {
    this.#reader = reader
  }

  parse(): Expr {
    const expr = this.#expr(0)
    if (this.#reader.peek().type !== '$end') this.#reader.refuse()
    return expr
  }

  #expr(least: number): Expr {
    return this.#reader.deeper(() => this.#binaryChain(this.#operand(), least))
  }

  // Continues after a first operand, with operators of at least the given precedence.
  #binaryChain(first: Expr, least: number): Expr {
    let left = first
    for (let links = 0; ; links++) {
      const op = this.#reader.peek().type
      if (!isBinaryOp(op)) return left
      const precedence = binaryPrecedences[op]
      if (precedence < least) return left
      if (links >= nestingMax) {
        throw new LogqlSyntaxError(
          `more than ${nestingMax} operators in a row`,
          this.#reader.here(),
        )
      }
      this.#reader.take()
      const modifier = this.#binaryModifier()
      const right = this.#expr(op === '^' ? precedence : precedence + 1)
      left = createBinaryOperation(op, left, right, modifier)
    }
  }

  #operand(): Expr {
    const token = this.#reader.peek()
    if (token.type === '{') {
      const log = this.#logExpr()
      if (this.#hasPipe) this.#reader.refuse()
      return log
    }
    if (token.type === '(') {
      this.#reader.take()
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
      this.#reader.take()
      this.#reader.expect('(')
      const { text } = this.#reader.expect('NUMBER')
      this.#reader.expect(')')
      return { kind: 'vector', value: readFloat(text, 'unable to parse vectorExpr as a float') }
    }
    return this.#reader.refuse()
  }

  #closeExpr(): void {
    if (!this.#reader.takeIf(')')) this.#reader.refuse()
  }

  #metric(): MetricExpr {
    const expr = this.#expr(0)
    // A log query is allowed only as an operand; the check reports it there.
    if (expr.kind === 'log') this.#reader.refuse()
    return expr
  }

  #literal(): number {
    const sign = this.#reader.sign()
    return sign * literalOf(this.#reader.expect('NUMBER').text)
  }

  #logExpr(): LogExpr {
    const matchers = this.#selector()
    return { kind: 'log', matchers, stages: this.#pipeline() }
  }

  #selector(): Matcher[] {
    this.#reader.expect('{')
    const matchers: Matcher[] = []
    if (this.#reader.takeIf('}')) return matchers
    if (this.#reader.peek().type !== 'IDENTIFIER') this.#reader.refuse('IDENTIFIER', '}')
    for (;;) {
      const name = this.#reader.expect('IDENTIFIER').text
      const op = this.#reader.peek().type
      if (op !== '=' && op !== '=~' && op !== '!~' && op !== '!=') {
        this.#reader.refuse('=', '=~', '!~', '!=')
      }
      this.#reader.take()
      matchers.push({ name, op: op as MatcherOp, value: this.#reader.expect('STRING').text })
      if (this.#reader.takeIf('}')) return matchers
      if (!this.#reader.takeIf(',')) this.#reader.refuse('}', ',')
    }
  }

  // Reads stages up to the first token that does not begin one. Leaves `unwrap` to the range aggregation.
  #pipeline(): Stage[] {
    const stages: Stage[] = []
    for (;;) {
      const bare = stageAt(this.#reader.peek().type)
      if (bare?.isBare) stages.push(bare.parse(this.#reader))
      else if (this.#reader.takeIf('|')) {
        const { type } = this.#reader.peek()
        if (type === 'unwrap') {
          this.#hasPipe = true
          return stages
        }
        const definition = stageAt(type)
        if (!definition || definition.isBare) return this.#reader.refuse()
        stages.push(definition.parse(this.#reader))
      } else return stages
    }
  }

  // Set between the pipe before `unwrap` and the unwrap itself.
  #hasPipe = false

  #rangeAggregation(): MetricExpr {
    const op = this.#reader.take().text as RangeOp
    this.#reader.expect('(')
    let parameter: number | undefined
    const { type } = this.#reader.peek()
    if (type === 'NUMBER') {
      parameter = readFloat(this.#reader.take().text, `invalid parameter for operation ${op}`)
      this.#reader.expect(',')
      if (this.#reader.peek().type !== '{' && this.#reader.peek().type !== '(')
        this.#reader.refuse('{', '(')
    } else if (type !== '{' && type !== '(') this.#reader.refuse('NUMBER', '{', '(')
    const range = this.#logRange()
    this.#reader.expect(')')
    const grouping = this.#grouping()
    return checkRangeAggregation({
      kind: 'range',
      op,
      ...(parameter !== undefined && { parameter }),
      ...range,
      ...(grouping && { grouping }),
    })
  }

  // A selector with its range. Pipeline and unwrap come before or after the range.
  #logRange(): LogRange {
    return this.#reader.deeper(() => {
      if (this.#reader.takeIf('(')) {
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

  // After a parenthesis: a whole range, or only the part before one.
  #parenthesizedRange(): LogRange | Pick<LogRange, 'log' | 'unwrap'> {
    return this.#reader.deeper(() => {
      if (this.#reader.takeIf('(')) {
        const inner = this.#parenthesizedRange()
        const whole = 'rangeNs' in inner ? inner : { ...inner, ...this.#rangeAndOffset('RANGE') }
        this.#reader.expect(')')
        return whole
      }
      if (this.#reader.peek().type !== '{') this.#reader.refuse('{', '(')
      const head = this.#rangeHead()
      if (this.#reader.takeIf(')')) return head
      const range = this.#rangeAndOffset()
      const isBare = head.log.stages.length === 0 && !head.unwrap
      const stages = isBare ? this.#pipeline() : head.log.stages
      const unwrap = head.unwrap ?? (isBare ? this.#unwrap() : undefined)
      this.#reader.expect(')')
      return { log: { ...head.log, stages }, ...(unwrap && { unwrap }), ...range }
    })
  }

  #rangeHead(): Pick<LogRange, 'log' | 'unwrap'> {
    if (this.#reader.peek().type !== '{') this.#reader.refuse('{', '(')
    const log = this.#logExpr()
    const unwrap = this.#unwrap()
    return { log, ...(unwrap && { unwrap }) }
  }

  #rangeAndOffset(...expected: string[]): { rangeNs: bigint; offsetNs: bigint } {
    if (this.#reader.peek().type !== 'RANGE') this.#reader.refuse(...expected)
    const rangeNs = this.#reader.take().durationNs
    const offsetNs = this.#reader.takeIf('offset') ? this.#reader.expect('DURATION').durationNs : 0n
    return { rangeNs, offsetNs }
  }

  #unwrap(): Unwrap | undefined {
    if (!this.#hasPipe) return undefined
    this.#hasPipe = false
    return parseUnwrap(this.#reader)
  }

  #grouping(): Grouping | undefined {
    const { type } = this.#reader.peek()
    if (type !== 'by' && type !== 'without') return undefined
    this.#reader.take()
    return { without: type === 'without', labels: this.#labelNames() }
  }

  #labelNames(): string[] {
    this.#reader.expect('(')
    if (this.#reader.takeIf(')')) return []
    if (this.#reader.peek().type !== 'IDENTIFIER') this.#reader.refuse('IDENTIFIER', ')')
    const names = [this.#reader.take().text]
    while (!this.#reader.takeIf(')')) {
      if (!this.#reader.takeIf(',')) this.#reader.refuse(',', ')')
      names.push(this.#reader.expect('IDENTIFIER').text)
    }
    return names
  }

  #vectorAggregation(): MetricExpr {
    const op = this.#reader.take().text as VectorOp
    const before = this.#grouping()
    this.#reader.expect('(')
    let operand: Expr | undefined
    let parameter: Token | undefined
    if (this.#reader.peek().type === 'NUMBER') {
      // A number is the parameter if a comma follows. Otherwise it begins an expression.
      const number = this.#reader.take()
      if (this.#reader.takeIf(',')) parameter = number
      else operand = this.#binaryChain({ kind: 'literal', value: literalOf(number.text) }, 0)
    }
    operand ??= this.#expr(0)
    // A log query is not a valid operand here, whatever follows it.
    if (operand.kind === 'log' || !this.#reader.takeIf(')')) this.#reader.refuse()
    let grouping = before ?? this.#grouping()
    // `by ()` keeps no labels, the same as no grouping.
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
    const returnsBool = this.#reader.takeIf('bool') !== undefined
    const { type } = this.#reader.peek()
    if (type !== 'on' && type !== 'ignoring') return { returnsBool }
    this.#reader.take()
    const labels = this.#labelNames()
    const side = this.#reader.peek().type
    if (side !== 'group_left' && side !== 'group_right') {
      return { returnsBool, matching: { on: type === 'on', labels, include: [] } }
    }
    this.#reader.take()
    const include = this.#reader.peek().type === '(' ? this.#labelNames() : []
    const group = side === 'group_left' ? 'left' : 'right'
    return { returnsBool, matching: { on: type === 'on', labels, group, include } }
  }

  #labelReplace(): MetricExpr {
    this.#reader.take()
    this.#reader.expect('(')
    const operand = this.#metric()
    const texts: string[] = []
    for (let i = 0; i < 4; i++) {
      this.#reader.expect(',')
      texts.push(this.#reader.expect('STRING').text)
    }
    this.#reader.expect(')')
    const [destination, replacement, source, pattern] = texts as [string, string, string, string]
    return { kind: 'labelReplace', operand, destination, replacement, source, pattern }
  }
}

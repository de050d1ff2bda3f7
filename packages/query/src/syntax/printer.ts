// The syntax tree back to text: on one line in Loki's canonical form, and the form over several lines
// that `format_query` gives for long queries.

import { formatGoDuration, formatPrometheusDuration, quoteGoString } from '@skald/go-dialect'
import { formatSelector } from '@skald/wire'
import type { Grouping } from '../aggregation/grouping.ts'
import { definitionOf, type Stage } from '../stages/stage-table.ts'
import { formatUnwrap } from '../stages/unwrap-syntax.ts'
import type {
  BinaryOperation,
  Expr,
  LogExpr,
  MetricExpr,
  RangeAggregation,
  VectorAggregation,
} from '../syntax-tree/ast.ts'
import { literalText, type PrintStyle } from '../tokens/literal-text.ts'

const exact: PrintStyle = { isExact: true }
const canonical: PrintStyle = { isExact: false }

/** Longest line of the pretty form. */
const lineLengthMax = 100

/** Writes a query on one line, such that parsing it gives the same tree. */
export function formatLogql(expr: Expr): string {
  return formatExpr(expr, exact)
}

/** Writes a query as Loki's `format_query` does: one line if it is short, else a part per line. */
export function formatLogqlPretty(expr: Expr): string {
  return pretty(expr, 0)
}

/** Writes one stage as Loki names it in errors. */
export function formatStage(stage: Stage): string {
  return definitionOf(stage).format(stage, canonical)
}

function formatExpr(expr: Expr, style: PrintStyle): string {
  switch (expr.kind) {
    case 'log':
      return logText(expr, style)
    case 'range': {
      const grouping = expr.grouping ? ` ${groupingText(expr.grouping)}` : ''
      return `${expr.op}(${parameterText(expr)}${rangeText(expr, style)})${grouping}`
    }
    case 'aggregation':
      return `${aggregationHead(expr)}(${parameterText(expr)}${formatExpr(expr.operand, style)})`
    case 'binary': {
      const left = formatExpr(expr.left, style)
      return `(${left} ${operatorText(expr, style)} ${formatExpr(expr.right, style)})`
    }
    case 'labelReplace':
      return `label_replace(${formatExpr(expr.operand, style)},${replaceTexts(expr).join(',')})`
    case 'literal':
      return literalText(expr.value)
    case 'vector':
      return `vector(${style.isExact ? literalText(expr.value) : expr.value.toFixed(6)})`
  }
}

function logText(expr: LogExpr, style: PrintStyle): string {
  const stages = expr.stages.map(stage => ` ${definitionOf(stage).format(stage, style)}`)
  return formatSelector(expr.matchers) + stages.join('')
}

function rangeText(expr: RangeAggregation, style: PrintStyle): string {
  const unwrap = expr.unwrap ? ` ${formatUnwrap(expr.unwrap, style)}` : ''
  return `${logText(expr.log, style)}${unwrap}${rangeSuffix(expr)}`
}

function rangeSuffix(expr: RangeAggregation): string {
  const offset = expr.offsetNs === 0n ? '' : ` offset ${formatGoDuration(expr.offsetNs)}`
  return `[${formatPrometheusDuration(expr.rangeNs)}]${offset}`
}

function groupingText({ without, labels }: Grouping): string {
  return `${without ? 'without' : 'by'} (${labels.join(',')})`
}

// `by ()` says the same as no grouping at all, and is left out.
function aggregationHead({ op, grouping }: VectorAggregation): string {
  if (!grouping || (grouping.labels.length === 0 && !grouping.without)) return op
  return `${op} ${groupingText(grouping)}`
}

function parameterText({ parameter }: { readonly parameter?: number }): string {
  return parameter === undefined ? '' : `${literalText(parameter)},`
}

function operatorText(expr: BinaryOperation, { isExact }: PrintStyle): string {
  const { op, returnsBool, matching } = expr
  let text: string = op
  if (returnsBool) text += ' bool'
  if (!matching) return text
  text += ` ${matching.on ? 'on' : 'ignoring'} (${matching.labels.join(',')})`
  if (!matching.group) return `${text} `
  text += ` group_${matching.group}`
  // Without parentheses of its own it would take those of the right side.
  const isOpen = isExact || expr.right.kind === 'binary'
  if (matching.include.length > 0 || isOpen) text += ` (${matching.include.join(',')})`
  return text
}

function replaceTexts(expr: Extract<MetricExpr, { kind: 'labelReplace' }>): string[] {
  return [expr.destination, expr.replacement, expr.source, expr.pattern].map(quoteGoString)
}

function pretty(expr: Expr, depth: number): string {
  const indent = '  '.repeat(depth)
  const line = formatExpr(expr, canonical)
  if (line.length <= lineLengthMax) return indent + line
  switch (expr.kind) {
    case 'log':
      return prettyLog(expr, depth)
    case 'range': {
      const parameter = expr.parameter === undefined ? '' : `${parameterText(expr)}\n`
      const head = parameter === '' ? '' : `${'  '.repeat(depth + 1)}${parameter}`
      const grouping = expr.grouping ? ` ${groupingText(expr.grouping)}` : ''
      return `${indent}${expr.op}(\n${head}${prettyRange(expr, depth + 1)}\n${indent})${grouping}`
    }
    case 'aggregation': {
      const head = prettyGrouping(expr)
      const inner = '  '.repeat(depth + 1)
      const parameter = expr.parameter === undefined ? '' : `${inner}${parameterText(expr)}\n`
      return `${indent}${head}(\n${parameter}${pretty(expr.operand, depth + 1)}\n${indent})`
    }
    case 'binary': {
      const left = prettyOperand(expr.left, depth + 1)
      const right = prettyOperand(expr.right, depth + 1)
      return `${left}\n${indent}${operatorText(expr, canonical).trimEnd()}\n${right}`
    }
    case 'labelReplace': {
      const inner = '  '.repeat(depth + 1)
      const texts = replaceTexts(expr).map(text => `${inner}${text}`)
      const operand = pretty(expr.operand, depth + 1)
      return `${indent}label_replace(\n${operand},\n${texts.join(',\n')}\n${indent})`
    }
    case 'literal':
    case 'vector':
      return indent + line
  }
}

// An operation inside another keeps its parentheses over several lines, which Loki loses.
function prettyOperand(expr: MetricExpr, depth: number): string {
  if (expr.kind !== 'binary' || formatExpr(expr, canonical).length <= lineLengthMax) {
    return pretty(expr, depth)
  }
  const indent = '  '.repeat(depth)
  return `${indent}(\n${pretty(expr, depth + 1)}\n${indent})`
}

function prettyGrouping({ op, grouping }: VectorAggregation): string {
  if (!grouping || (grouping.labels.length === 0 && !grouping.without)) return op
  return `${op} ${grouping.without ? 'without' : 'by'} (${grouping.labels.join(', ')})`
}

// Line filters that follow one another share a line.
function prettyLog(expr: LogExpr, depth: number): string {
  const indent = '  '.repeat(depth)
  let text = indent + formatSelector(expr.matchers)
  let isAfterFilter = false
  for (const stage of expr.stages) {
    const isFilter = stage.kind === 'lineFilter'
    text += isFilter && isAfterFilter ? ' ' : `\n${indent}  `
    text += definitionOf(stage).format(stage, canonical)
    isAfterFilter = isFilter
  }
  return text
}

function prettyRange(expr: RangeAggregation, depth: number): string {
  const indent = '  '.repeat(depth)
  const line = rangeText(expr, canonical)
  const hasPipeline = expr.log.stages.length > 0 || expr.unwrap !== undefined
  if (!hasPipeline || line.length <= lineLengthMax - indent.length) return indent + line
  const unwrap = expr.unwrap ? `\n${indent}  ${formatUnwrap(expr.unwrap, canonical)}` : ''
  return `${prettyLog(expr.log, depth)}${unwrap} ${rangeSuffix(expr)}`
}

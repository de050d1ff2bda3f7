// The syntax tree back to text: on one line in Loki's canonical form, and the form over several lines
// that `format_query` gives for long queries.

import {
  formatGoDuration,
  formatLogqlBytes,
  formatPrometheusDuration,
  quoteGoString,
} from '@skald/go-dialect'
import { formatMatcher, formatSelector } from '@skald/wire'
import type {
  BinaryOperation,
  Expr,
  Grouping,
  LabelFilter,
  LabelPick,
  LogExpr,
  MetricExpr,
  RangeAggregation,
  Stage,
  Unwrap,
  VectorAggregation,
} from '../syntax-tree/ast.ts'

/** How values are printed whose canonical form loses digits. */
interface Style {
  readonly isExact: boolean
}
const exact: Style = { isExact: true }
const canonical: Style = { isExact: false }

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
  return stageText(stage, canonical)
}

function formatExpr(expr: Expr, style: Style): string {
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

function logText(expr: LogExpr, style: Style): string {
  const stages = expr.stages.map(stage => ` ${stageText(stage, style)}`)
  return formatSelector(expr.matchers) + stages.join('')
}

function rangeText(expr: RangeAggregation, style: Style): string {
  const unwrap = expr.unwrap ? ` ${unwrapText(expr.unwrap, style)}` : ''
  return `${logText(expr.log, style)}${unwrap}${rangeSuffix(expr)}`
}

function rangeSuffix(expr: RangeAggregation): string {
  const offset = expr.offsetNs === 0n ? '' : ` offset ${formatGoDuration(expr.offsetNs)}`
  return `[${formatPrometheusDuration(expr.rangeNs)}]${offset}`
}

function unwrapText(unwrap: Unwrap, style: Style): string {
  const label = unwrap.conversion ? `${unwrap.conversion}(${unwrap.label})` : unwrap.label
  const filters = unwrap.filters.map(filter => ` | ${labelFilterText(filter, style)}`)
  return `| unwrap ${label}${filters.join('')}`
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

function operatorText(expr: BinaryOperation, { isExact }: Style): string {
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

// As Go's FormatFloat with 'f' and the shortest digits. What is no number is written as a sum of
// such that gives it, so that the text can be read again.
function literalText(value: number): string {
  if (Number.isNaN(value)) return '(0 / 0)'
  if (!Number.isFinite(value)) return value > 0 ? '(1e308 * 10)' : '(-1e308 * 10)'
  return decimalText(value)
}

/** Writes a finite number in fixed notation with the shortest digits that give it back. */
export function decimalText(value: number): string {
  const text = String(value)
  const exponent = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (!exponent) return Object.is(value, -0) ? '-0' : text
  const [, sign, lead, fraction = '', shiftText] = exponent
  const digits = lead + fraction
  const shift = Number(shiftText)
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${digits}`
  return `${sign}${digits}${'0'.repeat(shift - fraction.length)}`
}

function stageText(stage: Stage, style: Style): string {
  switch (stage.kind) {
    case 'lineFilter': {
      const terms = stage.terms.map(term => {
        const text = quoteGoString(term.value)
        return term.kind === 'ip' ? `ip(${text})` : text
      })
      return `${stage.op} ${terms.join(' or ')}`
    }
    case 'labelFilter':
      return `| ${labelFilterText(stage.filter, style)}`
    case 'json':
      return `| json${extractionsText(stage.extractions)}`
    case 'logfmt': {
      const flags = `${stage.isStrict ? ' --strict' : ''}${stage.keepsEmpty ? ' --keep-empty' : ''}`
      return `| logfmt${flags}${extractionsText(stage.extractions)}`
    }
    case 'regexp':
    case 'pattern':
      return `| ${stage.kind} ${quoteGoString(stage.pattern)}`
    case 'unpack':
    case 'decolorize':
      return `| ${stage.kind}`
    case 'lineFormat':
      return `| line_format ${quoteGoString(stage.template)}`
    case 'labelFormat': {
      const items = stage.items.map(({ kind, name, value }) =>
        kind === 'rename' ? `${name}=${value}` : `${name}=${quoteGoString(value)}`,
      )
      return `| label_format ${items.join(',')}`
    }
    case 'drop':
    case 'keep':
      return `| ${stage.kind} ${stage.picks.map(pickText).join(',')}`
  }
}

function extractionsText(extractions: readonly { name: string; expression: string }[]): string {
  if (extractions.length === 0) return ''
  return ` ${extractions.map(e => `${e.name}=${quoteGoString(e.expression)}`).join(',')}`
}

function pickText({ name, matcher }: LabelPick): string {
  return matcher ? formatMatcher(matcher) : name
}

function labelFilterText(filter: LabelFilter, style: Style): string {
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
      const left = labelFilterText(filter.left, style)
      const right = labelFilterText(filter.right, style)
      return `( ${left} ${filter.kind === 'and' ? ',' : 'or'} ${right} )`
    }
  }
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
    text += stageText(stage, canonical)
    isAfterFilter = isFilter
  }
  return text
}

function prettyRange(expr: RangeAggregation, depth: number): string {
  const indent = '  '.repeat(depth)
  const line = rangeText(expr, canonical)
  const hasPipeline = expr.log.stages.length > 0 || expr.unwrap !== undefined
  if (!hasPipeline || line.length <= lineLengthMax - indent.length) return indent + line
  const unwrap = expr.unwrap ? `\n${indent}  ${unwrapText(expr.unwrap, canonical)}` : ''
  return `${prettyLog(expr.log, depth)}${unwrap} ${rangeSuffix(expr)}`
}

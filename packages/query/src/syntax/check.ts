// What the grammar cannot say: which operations take a parameter, a grouping or an unwrap, and that a
// query must select something. Errors are Loki's.

import { compileCost, patternCostMax, queryCostMax } from '@skald/go-dialect/regex/compile-cost'
import { compileRegex } from '@skald/go-dialect/regex/regex'
import { compileMatcher } from '@skald/wire/compile-matcher'
import { rangeDefinition } from '../aggregation/range-table.ts'
import { vectorDefinition } from '../aggregation/vector-table.ts'
import { LogqlSyntaxError } from '../errors.ts'
import type {
  Expr,
  LogExpr,
  MetricExpr,
  RangeAggregation,
  VectorAggregation,
} from '../syntax-tree/ast.ts'
import { decimalText } from '../tokens/literal-text.ts'
import { checkStage } from './check-stage.ts'
import { visitRegexes } from './visit-regexes.ts'

/** Checks parameter, unwrap and grouping of a range aggregation, and returns it. */
export function checkRangeAggregation(expr: RangeAggregation): RangeAggregation {
  const { op, parameter, unwrap, grouping } = expr
  const rules = rangeDefinition(op)
  if (rules.takesParameter && parameter === undefined) {
    throw new LogqlSyntaxError(`parameter required for operation ${op}`)
  }
  if (!rules.takesParameter && parameter !== undefined) {
    const text = decimalText(parameter)
    throw new LogqlSyntaxError(`parameter ${text} not supported for operation ${op}`)
  }
  if (grouping && !rules.takesGrouping) {
    throw new LogqlSyntaxError(`grouping not allowed for ${op} aggregation`)
  }
  if (!unwrap && rules.unwrap === 'required') {
    throw new LogqlSyntaxError(`invalid aggregation ${op} without unwrap`)
  }
  if (unwrap && rules.unwrap === 'never') {
    throw new LogqlSyntaxError(`invalid aggregation ${op} with unwrap`)
  }
  return expr
}

/** Checks parameter and grouping of a vector aggregation, and returns it. */
export function checkVectorAggregation(
  expr: VectorAggregation,
  parameterText: string | undefined,
): VectorAggregation {
  const { op, parameter, grouping } = expr
  const rules = vectorDefinition(op)
  if (rules.takesCount) {
    if (parameter === undefined) {
      throw new LogqlSyntaxError(`parameter required for operation ${op}`)
    }
    if (!/^\d+$/.test(parameterText!)) {
      throw new LogqlSyntaxError(`invalid parameter ${op}(${parameterText},`)
    }
    if (parameter <= 0) {
      throw new LogqlSyntaxError(
        `invalid parameter (must be greater than 0) ${op}(${parameterText}`,
      )
    }
  } else if (parameter !== undefined) {
    throw new LogqlSyntaxError(`unsupported parameter for operation ${op}(${parameterText},`)
  }
  if (rules.grouping === 'none' && grouping) {
    throw new LogqlSyntaxError(`grouping not allowed for ${op} aggregation`)
  }
  if (rules.grouping === 'empty' && grouping && grouping.labels.length > 0) {
    throw new LogqlSyntaxError("sort and sort_desc doesn't allow grouping by ")
  }
  return expr
}

/**
 * Checks a whole query: its matchers, patterns and stages.
 *
 * @throws LogqlSyntaxError
 */
export function checkQuery(expr: Expr): void {
  checkRegexCost(expr)
  checkExpr(expr)
}

// Each pattern has its limit; this one is for many of them.
function checkRegexCost(expr: Expr): void {
  let cost = 0
  visitRegexes(expr, (pattern, options) => {
    const own = compileCost(pattern, options)
    // Refused by itself, with its own error.
    if (own > patternCostMax) return
    cost += own
    if (cost <= queryCostMax) return
    const why = 'expressions of the query are too large together'
    throw new LogqlSyntaxError(`error parsing regexp: ${why}: \`${pattern}\``)
  })
}

function checkExpr(expr: Expr): void {
  switch (expr.kind) {
    case 'log':
      checkLog(expr)
      return
    case 'range':
      checkLog(expr.log)
      return
    case 'aggregation':
      if (expr.operand.kind === 'literal') refuseEmptySelector()
      checkExpr(expr.operand)
      return
    case 'binary':
      checkExpr(expr.left)
      checkExpr(expr.right)
      return
    case 'labelReplace':
      checkReplacePattern(expr)
      checkExpr(expr.operand)
      return
    case 'literal':
    case 'vector':
      return
  }
}

function checkReplacePattern(expr: Extract<MetricExpr, { kind: 'labelReplace' }>): void {
  try {
    // Checked in the form that runs, since the error shows it.
    compileRegex(`^(?:${expr.pattern})$`)
  } catch (error) {
    const why = (error as Error).message
    throw new LogqlSyntaxError(`invalid regex in label_replace: ${why}`, { cause: error })
  }
}

function checkLog(expr: LogExpr): void {
  let selects = false
  for (const matcher of expr.matchers) {
    try {
      if (!compileMatcher(matcher)('')) selects = true
    } catch (error) {
      throw new LogqlSyntaxError((error as Error).message, { cause: error })
    }
  }
  for (const stage of expr.stages) checkStage(stage, 'parse')
  if (!selects) refuseEmptySelector()
  for (const stage of expr.stages) checkStage(stage, 'build')
}

function refuseEmptySelector(): never {
  throw new LogqlSyntaxError(
    'queries require at least one regexp or equality matcher that does not have an ' +
      'empty-compatible value. For instance, app=~".*" does not meet this requirement, but ' +
      'app=~".+" will',
  )
}

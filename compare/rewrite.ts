// Rewrites queries as syntax trees: replaces a stage or operation wherever it occurs in a query.

import { type Expr, formatLogql, type LogExpr, type MetricExpr, parseLogql } from '@skald/query'

type Stage = LogExpr['stages'][number]
type LabelFilter = Extract<Stage, { kind: 'labelFilter' }>['filter']

/** Replacements for parts of a query. Parts without a function stay unchanged. */
export interface Changes {
  readonly stage?: (stage: Stage) => Stage
  readonly labelFilter?: (filter: LabelFilter) => LabelFilter
  readonly metric?: (expr: MetricExpr) => MetricExpr
}

/** Formats a query after the changes. Returns `undefined` if it is invalid. */
export function rewriteQuery(logql: string, changes: Changes): string | undefined {
  const expr = parse(logql)
  if (!expr) return undefined
  return formatLogql(expr.kind === 'log' ? changeLog(expr, changes) : changeMetric(expr, changes))
}

/** Returns the operations of a query, outer ones first. */
export function metricsOf(logql: string): MetricExpr[] {
  const found: MetricExpr[] = []
  const expr = parse(logql)
  if (!expr || expr.kind === 'log') return found
  const visit = (metric: MetricExpr): MetricExpr => {
    found.unshift(metric)
    return metric
  }
  changeMetric(expr, { metric: visit })
  return found
}

function parse(logql: string): Expr | undefined {
  try {
    return parseLogql(logql)
  } catch {
    return undefined
  }
}

function changeLog(expr: LogExpr, { stage, labelFilter }: Changes): LogExpr {
  const stages = expr.stages.map(one => {
    const changed = stage ? stage(one) : one
    if (!labelFilter || changed.kind !== 'labelFilter') return changed
    return { ...changed, filter: labelFilter(changed.filter) }
  })
  return { ...expr, stages }
}

function changeMetric(expr: MetricExpr, changes: Changes): MetricExpr {
  const { metric = (same: MetricExpr) => same, labelFilter = (same: LabelFilter) => same } = changes
  switch (expr.kind) {
    case 'range': {
      const { unwrap } = expr
      const log = changeLog(expr.log, changes)
      if (!unwrap) return metric({ ...expr, log })
      return metric({
        ...expr,
        log,
        unwrap: { ...unwrap, filters: unwrap.filters.map(labelFilter) },
      })
    }
    case 'aggregation':
    case 'labelReplace':
      return metric({ ...expr, operand: changeMetric(expr.operand, changes) })
    case 'binary':
      return metric({
        ...expr,
        left: changeMetric(expr.left, changes),
        right: changeMetric(expr.right, changes),
      })
    case 'literal':
    case 'vector':
      return metric(expr)
  }
}

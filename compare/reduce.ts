// Reduces a query while both servers still differ: fewer stages, fewer operands, fewer lines.

import { type Expr, formatLogql, type LogExpr, type MetricExpr, parseLogql } from '@skald/query'
import type { CompareQuery } from './queries.ts'

/** Maximum number of requests per server for one reduction. */
const attemptsMax = 150

/**
 * Returns the smallest query found that still differs.
 *
 * @param differs Returns whether the servers differ about a query.
 */
export async function reduceQuery(
  query: CompareQuery,
  differs: (smaller: CompareQuery) => Promise<boolean>,
): Promise<CompareQuery> {
  let best = query
  let attempts = 0
  const tryIt = async (candidate: CompareQuery): Promise<boolean> => {
    if (attempts++ >= attemptsMax || !(await differs(candidate))) return false
    best = candidate
    return true
  }
  for (let isSmaller = true; isSmaller && attempts < attemptsMax; ) {
    isSmaller = false
    for (const logql of smallerQueries(best.logql)) {
      if (logql.length >= best.logql.length || !(await tryIt({ ...best, logql }))) continue
      isSmaller = true
      break
    }
  }
  if (best.isCategorized) await tryIt({ ...best, isCategorized: false })
  await narrow(() => best, tryIt)
  return best
}

/** Halves the range of a log query as long as one half differs. */
async function narrow(
  current: () => CompareQuery,
  tryIt: (candidate: CompareQuery) => Promise<boolean>,
): Promise<void> {
  for (let i = 0; i < 24; i++) {
    const { params } = current()
    if (params.start === undefined || params.end === undefined || params.step !== undefined) return
    const [start, end] = [BigInt(params.start), BigInt(params.end)]
    const middle = (start + end) / 2n
    if (middle <= start) return
    const halves = [
      { ...params, end: String(middle) },
      { ...params, start: String(middle) },
    ]
    let isSmaller = false
    for (const half of halves) {
      isSmaller = await tryIt({ ...current(), params: half })
      if (isSmaller) break
    }
    if (!isSmaller) return
  }
}

/** Returns queries that are one step smaller, the smallest first. */
function smallerQueries(logql: string): string[] {
  let expr: Expr
  try {
    expr = parseLogql(logql)
  } catch {
    return []
  }
  const texts = [...smaller(expr)].flatMap(candidate => {
    try {
      return [formatLogql(candidate)]
    } catch {
      return []
    }
  })
  return [...new Set(texts)].sort((a, b) => a.length - b.length)
}

function* smaller(expr: Expr): Generator<Expr> {
  if (expr.kind === 'log') yield* smallerLogs(expr)
  else yield* smallerMetrics(expr)
}

function* smallerLogs(expr: LogExpr): Generator<LogExpr> {
  const { stages, matchers } = expr
  for (let i = 0; i < stages.length; i++) yield { ...expr, stages: stages.toSpliced(i, 1) }
  for (let i = 0; i < matchers.length && matchers.length > 1; i++) {
    yield { ...expr, matchers: matchers.toSpliced(i, 1) }
  }
  for (const [i, stage] of stages.entries()) {
    const replace = (smallerStage: typeof stage) => ({
      ...expr,
      stages: stages.with(i, smallerStage),
    })
    if (stage.kind === 'labelFilter' && 'left' in stage.filter) {
      yield replace({ ...stage, filter: stage.filter.left })
      yield replace({ ...stage, filter: stage.filter.right })
    } else if (stage.kind === 'lineFilter' && stage.terms.length > 1) {
      for (let k = 0; k < stage.terms.length; k++) {
        yield replace({ ...stage, terms: stage.terms.toSpliced(k, 1) })
      }
    } else if ((stage.kind === 'drop' || stage.kind === 'keep') && stage.picks.length > 1) {
      for (let k = 0; k < stage.picks.length; k++) {
        yield replace({ ...stage, picks: stage.picks.toSpliced(k, 1) })
      }
    } else if (stage.kind === 'labelFormat' && stage.items.length > 1) {
      for (let k = 0; k < stage.items.length; k++) {
        yield replace({ ...stage, items: stage.items.toSpliced(k, 1) })
      }
    } else if ((stage.kind === 'json' || stage.kind === 'logfmt') && stage.extractions.length > 1) {
      for (let k = 0; k < stage.extractions.length; k++) {
        yield replace({ ...stage, extractions: stage.extractions.toSpliced(k, 1) })
      }
    }
  }
}

function* smallerMetrics(expr: MetricExpr): Generator<Expr> {
  switch (expr.kind) {
    case 'range': {
      yield expr.log
      const { unwrap: _unwrap, grouping: _grouping, ...plain } = expr
      if (expr.unwrap) yield { ...plain, op: 'count_over_time', log: expr.log }
      if (expr.grouping) {
        const { grouping: _without, ...ungrouped } = expr
        yield ungrouped
      }
      if (expr.unwrap && expr.unwrap.filters.length > 0) {
        yield { ...expr, unwrap: { ...expr.unwrap, filters: [] } }
      }
      if (expr.offsetNs !== 0n) yield { ...expr, offsetNs: 0n }
      for (const log of smallerLogs(expr.log)) yield { ...expr, log }
      return
    }
    case 'aggregation': {
      yield expr.operand
      const { grouping, ...plain } = expr
      if (grouping) yield plain
      if (grouping && grouping.labels.length > 0) {
        for (let i = 0; i < grouping.labels.length; i++) {
          yield { ...expr, grouping: { ...grouping, labels: grouping.labels.toSpliced(i, 1) } }
        }
      }
      for (const operand of smallerMetrics(expr.operand)) {
        if (operand.kind !== 'log') yield { ...expr, operand }
      }
      return
    }
    case 'binary':
      yield expr.left
      yield expr.right
      for (const left of smallerMetrics(expr.left)) if (left.kind !== 'log') yield { ...expr, left }
      for (const right of smallerMetrics(expr.right)) {
        if (right.kind !== 'log') yield { ...expr, right }
      }
      return
    case 'labelReplace':
      yield expr.operand
      for (const operand of smallerMetrics(expr.operand)) {
        if (operand.kind !== 'log') yield { ...expr, operand }
      }
      return
    case 'literal':
    case 'vector':
  }
}

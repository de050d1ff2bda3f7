// Says when a query uses a label that is kept as structured metadata, and how to ask instead.

import { type Expr, formatLogql, type LogExpr, parseLogQuery, parseLogql } from '@skald/query'
import { formatMatcher, type Matcher } from '@skald/wire'

/** A selector that finds every stream, for queries that have no other matcher. */
const everyStream: Matcher = { name: 'service_name', op: '=~', value: '.+' }

/** Returns one warning for each demoted label that the selectors of a query use. */
export function demotedWarnings(logql: string, demoted: ReadonlySet<string>): string[] {
  if (demoted.size === 0) return []
  const used = new Set<string>()
  const meant = mapLogs(parseLogql(logql), log => withoutDemoted(log, demoted, used))
  if (used.size === 0) return []
  const text = formatLogql(meant as Expr)
  return [...used].map(
    name =>
      `${name} is kept as structured metadata, not as a label of streams, so a matcher finds no line that came since then; ask for it behind the selector: ${text}`,
  )
}

function withoutDemoted(log: LogExpr, demoted: ReadonlySet<string>, used: Set<string>): LogExpr {
  const moved = log.matchers.filter(({ name }) => demoted.has(name))
  if (moved.length === 0) return log
  for (const { name } of moved) used.add(name)
  const kept = log.matchers.filter(({ name }) => !demoted.has(name))
  const matchers = kept.length > 0 ? kept : [everyStream]
  const filters = moved.flatMap(matcher => parseLogQuery(filterText(matcher)).stages)
  return { ...log, matchers, stages: [...filters, ...log.stages] }
}

/** Writes a matcher as a query with a label filter. */
function filterText(matcher: Matcher): string {
  return `{a="b"} | ${formatMatcher(matcher)}`
}

/** Returns a query with each of its log queries replaced. */
function mapLogs(node: unknown, change: (log: LogExpr) => LogExpr): unknown {
  if (typeof node !== 'object' || node === null) return node
  if (Array.isArray(node)) return node.map(item => mapLogs(item, change))
  const { kind } = node as { kind?: unknown }
  if (kind === 'log') return change(node as LogExpr)
  const entries = Object.entries(node).map(([key, value]) => [key, mapLogs(value, change)])
  return Object.fromEntries(entries)
}

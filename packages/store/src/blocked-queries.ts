// Blocks queries that a tenant may not run: limits_config.blocked_queries, like in Loki.

import { compileRegex } from '@skald/go-dialect/regex/regex'
import { type Expr, parseLogql } from '@skald/query'
import type { RawBlockedQuery } from './config-schema.ts'
import { BadRequestError } from './errors.ts'
import type { BlockedQuery } from './tenant-limits.ts'

const queryTypes = ['metric', 'filter', 'limited']

/** Compiles a rule. Calls `report` for each mistake in it. */
export function createBlockedQuery(
  rule: RawBlockedQuery,
  report: (message: string) => void,
): BlockedQuery {
  const { types, hash = 0 } = rule
  // Loki also accepts a comma-separated text.
  const named = (typeof types === 'string' ? types.split(',') : (types ?? []))
    .map(type => type.trim())
    .filter(type => type !== '')
  for (const type of named) {
    if (!queryTypes.includes(type))
      report(`${type} is not a query type: use metric, filter or limited`)
  }
  return {
    types: named,
    matches: hash > 0 ? query => fnv1(query) === hash : matchText(rule, report),
  }
}

function matchText(
  { pattern = '', regex = false }: RawBlockedQuery,
  report: (message: string) => void,
): BlockedQuery['matches'] {
  if (pattern === '') return () => true
  const text = pattern.trim()
  const isEqual = (query: string) => query.trim() === text
  if (!regex) return isEqual
  try {
    const compiled = compileRegex(`(?s:${pattern})`)
    return query => isEqual(query) || compiled.test(query)
  } catch (error) {
    report((error as Error).message)
    return isEqual
  }
}

/**
 * Checks a query against the rules of its tenant. The first matching rule decides.
 * @throws BadRequestError with Loki's text; LogqlSyntaxError if there are rules and the query is
 * invalid.
 */
export function checkBlocked(logql: string, blocked: readonly BlockedQuery[]): void {
  if (blocked.length === 0) return
  const type = typeOf(parseLogql(logql))
  const rule = blocked.find(({ matches }) => matches(logql))
  if (!rule || (rule.types.length > 0 && !rule.types.includes(type))) return
  throw new BadRequestError('query blocked by policy')
}

function typeOf(expr: Expr): string {
  if (expr.kind !== 'log') return 'metric'
  return expr.stages.some(isFilter) ? 'filter' : 'limited'
}

function isFilter({ kind }: { readonly kind: string }): boolean {
  return kind === 'lineFilter' || kind === 'labelFilter'
}

/** Computes a 32-bit FNV-1 hash. */
function fnv1(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text, 'utf8')) hash = (Math.imul(hash, 0x01000193) ^ byte) >>> 0
  return hash
}

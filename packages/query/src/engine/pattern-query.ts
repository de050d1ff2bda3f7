// Finds the patterns in the lines of a log query, and counts the lines of each over time, like Loki's
// pattern ingester. Patterns are found at query time, so ingest pays nothing.

import { LogqlKindError } from '../errors.ts'
import type { QueryLimits } from '../limits.ts'
import { patternLinesLeast, patternsMax } from '../limits.ts'
import { formatPattern } from '../patterns/tokens.ts'
import type { StreamPatterns } from '../plan/leaf-result.ts'
import { foundOf } from '../plan/leaf-result.ts'
import type { LogSource, PatternLeaf } from '../plan/log-source.ts'
import { checkQueryLimits } from '../plan/plan.ts'
import { parseLogql } from '../syntax/parser.ts'

/** A request for patterns. */
export interface PatternRequest {
  readonly logql: string
  /** Inclusive. */
  readonly startNs: bigint
  /** Exclusive. */
  readonly endNs: bigint
  readonly stepNs: bigint
  readonly limits: QueryLimits
}

/** A pattern. Its text works with `|>`. */
export interface LinePattern {
  readonly pattern: string
  readonly level: string
  /** Time slots that have lines, in order: the start of the slot and its number of lines. */
  readonly samples: readonly (readonly [timeNs: bigint, count: number])[]
}

/** The patterns of a query's lines. */
export interface PatternResult {
  /** Patterns with the most lines come first. */
  readonly patterns: readonly LinePattern[]
  /** What the patterns leave out. */
  readonly warnings: readonly string[]
}

/** Loki's shortest step. */
const stepLeastNs = 10_000_000_000n

/**
 * Returns the patterns of a log query's lines.
 *
 * @throws LogqlSyntaxError, LogqlKindError for a metric query, LimitExceededError; the source's errors; the
 * signal's reason.
 */
export async function runPatterns(
  request: PatternRequest,
  source: LogSource,
  signal: AbortSignal,
): Promise<PatternResult> {
  const expr = parseLogql(request.logql)
  if (expr.kind !== 'log') throw new LogqlKindError('only label matchers are supported')
  const { startNs, endNs, limits } = request
  if (endNs <= startNs) return { patterns: [], warnings: [] }
  checkQueryLimits(expr, { startNs, endNs, stepNs: 0n, isInstant: false }, limits)
  const stepNs = request.stepNs > stepLeastNs ? request.stepNs : stepLeastNs
  const firstNs = startNs - (((startNs % stepNs) + stepNs) % stepNs)
  const count = Number((endNs - firstNs + stepNs - 1n) / stepNs)
  const leaf: PatternLeaf = {
    kind: 'patterns',
    log: expr,
    matchers: expr.matchers,
    startNs,
    endNs,
    grid: { startNs: firstNs, stepNs, count },
  }
  const result = await source.select(leaf, signal)
  const { stats } = result
  const { streams, linesLeft } = foundOf('patterns', result)
  const warnings =
    linesLeft > 0
      ? [`${linesLeft} of ${stats.linesMatched} lines differ too much and are in no pattern`]
      : []
  return { patterns: combine(streams, leaf), warnings: [...(result.warnings ?? []), ...warnings] }
}

/** Adds up patterns with the same text and level across streams. */
function combine(found: readonly StreamPatterns[], { grid }: PatternLeaf): LinePattern[] {
  const counts = new Map<string, { pattern: string; level: string; slots: Map<number, number> }>()
  for (const { level, patterns } of found) {
    for (const { tokens, counts: slots } of patterns) {
      const pattern = formatPattern(tokens)
      const key = `${level}\0${pattern}`
      const sum = counts.get(key) ?? { pattern, level, slots: new Map<number, number>() }
      counts.set(key, sum)
      for (const [slot, lines] of slots) sum.slots.set(slot, (sum.slots.get(slot) ?? 0) + lines)
    }
  }
  return [...counts.values()]
    .map(entry => ({ ...entry, total: entry.slots.values().reduce((sum, n) => sum + n, 0) }))
    .filter(({ total }) => total >= patternLinesLeast)
    .sort((a, b) => b.total - a.total || (a.pattern < b.pattern ? -1 : 1))
    .slice(0, patternsMax)
    .map(({ pattern, level, slots }) => ({
      pattern,
      level,
      samples: [...slots]
        .sort(([a], [b]) => a - b)
        .map(([slot, lines]) => [grid.startNs + BigInt(slot) * grid.stepNs, lines] as const),
    }))
}

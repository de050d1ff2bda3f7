// Evaluates a log query: the first or last entries of its leaf.

import { formatLabelSet } from '@skald/wire'
import { addScanStats } from '../blocks/stats.ts'
import { LimitExceededError } from '../errors.ts'
import { entriesOfLeaf } from '../leaf/leaf.ts'
import { limitGrowthMax } from '../limits.ts'
import type { FoundEntry, ResultEntry } from '../plan/leaf-result.ts'
import { planLogLeaf } from '../plan/plan.ts'
import type { Stage } from '../stages/stage-table.ts'
import { definitionOf } from '../stages/stage-table.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import { addWarnings, type QueryRun } from './query-run.ts'

/** Entries requested at once if an interval skips some of them. */
const pageLimitMin = 1_000

/** One log query. */
export class LogQuery {
  readonly #parts: QueryRun

  constructor(parts: QueryRun) {
    this.#parts = parts
  }

  /**
   * Returns the entries in the direction of the query.
   *
   * @throws LimitExceededError; the errors of the source.
   */
  async run(expr: LogExpr): Promise<readonly ResultEntry[]> {
    const { limit, limits } = this.#parts.request
    const most = limits.maxEntriesLimitPerQuery
    if (most > 0 && limit > most) {
      throw new LimitExceededError(
        'max_entries_limit_per_query',
        'max entries limit per query exceeded, limit > max_entries_limit_per_query ' +
          `(${limit} > ${most})`,
      )
    }
    const { startNs, endNs } = this.#parts.request
    if (!expr.stages.some(mayMakeEqual)) return this.#entries(expr, { startNs, endNs, limit })
    // When entries become equal, there is space for others.
    for (let asked = limit; ; asked *= 2) {
      const entries = await this.#entries(expr, { startNs, endNs, limit: asked })
      const merged = mergeEqual(entries)
      if (merged.length >= limit || entries.length < asked || asked >= limit * limitGrowthMax) {
        return merged.slice(0, limit)
      }
    }
  }

  #entries(
    expr: LogExpr,
    bounds: { startNs: bigint; endNs: bigint; limit: number },
  ): Promise<readonly FoundEntry[]> {
    const { intervalNs } = this.#parts.request
    if (intervalNs <= 0n) return this.#select(expr, bounds)
    return this.#thin(expr)
  }

  async #select(
    expr: LogExpr,
    bounds: { startNs: bigint; endNs: bigint; limit: number },
  ): Promise<readonly FoundEntry[]> {
    const { request, source, signal, stats, warnings, gaps } = this.#parts
    const leaf = planLogLeaf(expr, { ...bounds, direction: request.direction })
    const result = await source.select(leaf, signal)
    signal.throwIfAborted()
    addScanStats(stats, result.stats)
    addWarnings(warnings, result)
    gaps.add(result.gaps)
    return entriesOfLeaf(leaf, result)
  }

  // Keeps entries that are at least one interval apart, and requests more after the last one kept.
  async #thin(expr: LogExpr): Promise<readonly FoundEntry[]> {
    const { request } = this.#parts
    const isForward = request.direction === 'forward'
    const pageLimit = Math.max(request.limit, pageLimitMin)
    const kept: FoundEntry[] = []
    let { startNs, endNs } = request
    if (endNs <= startNs) endNs = startNs + 1n
    while (kept.length < request.limit && startNs < endNs) {
      const page = await this.#select(expr, { startNs, endNs, limit: pageLimit })
      for (const entry of page) {
        const last = kept.at(-1)
        const distance = last
          ? isForward
            ? entry.timestampNs - last.timestampNs
            : last.timestampNs - entry.timestampNs
          : request.intervalNs
        if (distance >= request.intervalNs) kept.push(entry)
        if (kept.length >= request.limit) return kept
      }
      const last = kept.at(-1)
      if (!last || page.length < pageLimit) return kept
      if (isForward) startNs = last.timestampNs + request.intervalNs
      else endNs = last.timestampNs - request.intervalNs + 1n
    }
    return kept
  }
}

// Returns true if a stage may remove what distinguishes entries of one stream.
function mayMakeEqual(stage: Stage): boolean {
  const { changesLine, mayMakeEqual } = definitionOf(stage)
  return changesLine === true || mayMakeEqual === true
}

// Merges entries of a stored stream that have the same time and became equal, like Loki.
function mergeEqual(entries: readonly FoundEntry[]): readonly FoundEntry[] {
  const seen = new Set<string>()
  let timestampNs: bigint | undefined
  return entries.filter(entry => {
    if (entry.timestampNs !== timestampNs) seen.clear()
    timestampNs = entry.timestampNs
    const { metadata, parsed } = entry.labels
    const labels = `${formatLabelSet(metadata)} ${formatLabelSet(parsed)}`
    const key = `${entry.tenant ?? ''} ${entry.streamKey} ${labels} ${entry.line}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

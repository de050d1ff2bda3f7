// Evaluates a log query: the first or last entries of its leaf.

import { formatLabelSet } from '@skald/wire'
import { addScanStats } from '../blocks/stats.ts'
import { LimitExceededError } from '../errors.ts'
import { entriesOfLeaf } from '../leaf/leaf.ts'
import type { FoundEntry, ResultEntry } from '../plan/leaf-result.ts'
import { planLogLeaf } from '../plan/plan.ts'
import type { Stage } from '../stages/stage-table.ts'
import { definitionOf } from '../stages/stage-table.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import type { QueryRun } from './query-run.ts'

/** Entries asked for at once where an interval leaves out some of them. */
const pageLimitMin = 1_000

/** How many times the limit may be asked for where entries become equal. */
const repeatedMax = 16

/** One log query. */
export class LogQuery {
  readonly #parts: QueryRun

  constructor(parts: QueryRun) {
    this.#parts = parts
  }

  /**
   * Gives the entries in the direction of the query.
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
    // Entries that become equal make room for others.
    for (let asked = limit; ; asked *= 2) {
      const entries = await this.#entries(expr, { startNs, endNs, limit: asked })
      const merged = mergeEqual(entries)
      if (merged.length >= limit || entries.length < asked || asked >= limit * repeatedMax) {
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
    const { request, source, signal, stats } = this.#parts
    const leaf = planLogLeaf(expr, { ...bounds, direction: request.direction })
    const result = await source.select(leaf, signal)
    signal.throwIfAborted()
    addScanStats(stats, result.stats)
    return entriesOfLeaf(leaf, result)
  }

  // Keeps entries that lie the interval apart, asking for more behind the last one kept.
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

// Tells whether a stage may take away what entries of one stream differ in.
function mayMakeEqual(stage: Stage): boolean {
  const { changesLine, mayMakeEqual } = definitionOf(stage)
  return changesLine === true || mayMakeEqual === true
}

// Entries of a stored stream that have one time and became equal are one, as in Loki.
function mergeEqual(entries: readonly FoundEntry[]): readonly FoundEntry[] {
  const seen = new Set<string>()
  let timestampNs: bigint | undefined
  return entries.filter(entry => {
    if (entry.timestampNs !== timestampNs) seen.clear()
    timestampNs = entry.timestampNs
    const { metadata, parsed } = entry.labels
    const labels = `${formatLabelSet(metadata)} ${formatLabelSet(parsed)}`
    const key = `${entry.streamKey} ${labels} ${entry.line}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

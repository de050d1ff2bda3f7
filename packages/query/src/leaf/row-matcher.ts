// Tells which rows of a block a log query lets through, without building their labels or lines: what
// deletes are made of.

import type { Matcher } from '@skald/wire'
import { LogqlKindError } from '../errors.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import type { BlockView } from '../source/log-source.ts'
import { createScanStats } from '../source/stats.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import { parseLogql } from '../syntax/parser.ts'
import { BlockRows } from './row-source.ts'

/** A log query that is asked of the rows of one block after the other. */
export class RowMatcher {
  readonly matchers: readonly Matcher[]
  /** Whether the selector alone decides, so that no row has to be looked at. */
  readonly isSelector: boolean
  readonly #pipeline: Pipeline

  /** @throws LogqlSyntaxError; LogqlKindError for a metric query. */
  constructor(logql: string) {
    const expr = parseLogql(logql)
    if (expr.kind !== 'log') throw new LogqlKindError('only log selector is supported')
    this.matchers = expr.matchers
    this.isSelector = expr.stages.length === 0
    this.#pipeline = compilePipeline(expr.stages)
  }

  /**
   * Rows between two times (the end left out) that the pipeline lets through, ascending; rows that are
   * skipped are not among them. The block is not checked against the selector.
   */
  rows(block: BlockView, bounds: { readonly startNs: bigint; readonly endNs: bigint }): number[] {
    const rows = new BlockRows(block, createScanStats())
    const selection = rows.select(bounds, this.#pipeline)
    const isDecided = this.#pipeline.stages.length === 0
    const found: number[] = []
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      if (isDecided || rows.run(this.#pipeline, row)) found.push(row)
    }
    return found
  }
}

// Tells which rows of a block a log query lets through, without building their labels or lines: what
// deletes are made of.

import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import { BlockRows } from './row-source.ts'

/** A log query that is asked of the rows of one block after the other. */
export class RowMatcher {
  readonly #pipeline: Pipeline
  readonly #clock: Clock

  constructor({ stages }: LogExpr, clock: Clock) {
    this.#clock = clock
    this.#pipeline = compilePipeline(stages)
  }

  /**
   * Rows between two times (the end left out) that the pipeline lets through, ascending; rows that are
   * skipped are not among them. The block is not checked against the selector.
   */
  rows(block: BlockView, bounds: { readonly startNs: bigint; readonly endNs: bigint }): number[] {
    const rows = new BlockRows(block, createScanStats(), this.#clock)
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

// Finds the rows of a block that match a log query, without building labels or lines. Deletes use it.

import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import { BlockRows } from './row-source.ts'

/** A log query to run on the rows of blocks, one at a time. */
export class RowMatcher {
  readonly #pipeline: Pipeline
  readonly #clock: Clock

  constructor({ stages }: LogExpr, clock: Clock) {
    this.#clock = clock
    this.#pipeline = compilePipeline(stages)
  }

  /**
   * Returns the rows between two times (end exclusive) that pass the pipeline, ascending, without skipped
   * rows. Does not check the block against the selector.
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

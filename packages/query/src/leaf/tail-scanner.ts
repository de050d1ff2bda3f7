// Runs a log query over blocks as they are written, without bounds of time or number: what live tails
// are made of. A scan of what is stored is the leaf's business (leaf/log-scanner.ts).

import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import type { CategorizedLabels } from '../pipeline/labels.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import type { ResultEntry } from '../plan/leaf-result.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import type { Stage } from '../stages/stage-table.ts'
import type { LogExpr } from '../syntax-tree/ast.ts'
import { BlockRows } from './row-source.ts'

/** Parsers remember what they have seen of a query's lines; a tail is a query without an end. */
const linesPerPipeline = 1_000_000

/** A log query that is asked of one block after the other. */
export class TailScanner {
  readonly #stages: readonly Stage[]
  readonly #clock: Clock
  #pipeline: Pipeline
  #stats = createScanStats()

  constructor({ stages }: LogExpr, clock: Clock) {
    this.#clock = clock
    this.#stages = stages
    this.#pipeline = compilePipeline(stages)
  }

  /** Entries of a block that the pipeline lets through, oldest first. The block is not checked against the selector. */
  scan(block: BlockView): ResultEntry[] {
    if (this.#stats.linesProcessed > linesPerPipeline) {
      this.#pipeline = compilePipeline(this.#stages)
      this.#stats = createScanStats()
    }
    const rows = new BlockRows(block, this.#stats, this.#clock)
    const all = { startNs: block.minNs, endNs: block.maxNs + 1n }
    const selection = rows.select(all, this.#pipeline)
    const times = block.timestamps()
    const labelsBySet: CategorizedLabels[] = []
    const entries: ResultEntry[] = []
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const line = rows.run(this.#pipeline, row)
      if (!line) continue
      const setIndex = rows.setOf(row)
      let labels = line.labels.isChanged ? undefined : labelsBySet[setIndex]
      labels ??= line.labels.categorize()
      if (!line.labels.isChanged) labelsBySet[setIndex] = labels
      entries.push({ timestampNs: block.baseNs + BigInt(times[row]!), line: line.text, labels })
    }
    return entries
  }
}

// Hands out the lines of a block, and their labels, to the stages of a pipeline.

import type { LabelSet } from '@skald/wire'
import type { BlockView } from '../log-source.ts'
import { BlockText } from '../pipeline/block-text.ts'
import type { Pipeline } from '../pipeline/compile.ts'
import { createLabelMap, createMetadataMap, type LabelMap, LineLabels } from '../pipeline/labels.ts'
import { type RowSelection, rowAt, selectRange } from '../pipeline/row-selection.ts'
import type { Line } from '../pipeline/stage.ts'
import type { MutableScanStats } from '../stats.ts'

const noLabels: LabelMap = new Map()

/** One block during a scan. Columns are decoded when they are first needed. */
export class BlockRows {
  readonly block: BlockView
  readonly stream: LabelMap
  readonly #stats: MutableScanStats
  readonly #metadata: LabelMap[] = []
  readonly #line: Line & { labels: LineLabels }
  #text: BlockText | undefined
  #row = 0

  constructor(block: BlockView, stats: MutableScanStats) {
    this.block = block
    this.stream = createLabelMap(block.labels)
    this.#stats = stats
    this.#line = {
      text: '',
      labels: new LineLabels(),
      timestampNs: () => block.baseNs + BigInt(block.timestamps()[this.#row]!),
    }
  }

  /** Rows between two times (the end left out) whose stored lines pass the filters of a pipeline. */
  select(bounds: { startNs: bigint; endNs: bigint }, pipeline: Pipeline): RowSelection {
    const { block } = this
    let from = 0
    let to = block.rowCount
    if (block.minNs < bounds.startNs) from = lowerBound(block, bounds.startNs)
    if (block.maxNs >= bounds.endNs) to = lowerBound(block, bounds.endNs)
    let selection = selectRange(from, to, block.skip)
    this.#stats.linesProcessed += selection.count
    for (const filter of pipeline.blockFilters) {
      if (selection.count === 0) break
      selection = filter.filterBlock(this.text(), selection)
    }
    return selection
  }

  text(): BlockText {
    if (!this.#text) {
      this.#text = new BlockText(this.block.lines())
      this.#stats.bytesProcessed += this.#text.bytes.length
    }
    return this.#text
  }

  /** Metadata of one of the block's sets. */
  metadataOf(setIndex: number): LabelMap {
    const { sets } = this.block.metadata()
    this.#metadata[setIndex] ??= createMetadataMap(sets[setIndex] ?? [], this.stream)
    return this.#metadata[setIndex]!
  }

  setOf(row: number): number {
    return this.block.metadata().rowSets[row] ?? 0
  }

  /** Makes a row the current line. It is the same object for every row. */
  line(row: number): Line & { labels: LineLabels } {
    this.#row = row
    const line = this.#line
    line.text = this.text().line(row)
    line.labels.reset(this.stream, this.metadataOf(this.setOf(row)))
    return line
  }

  /** The labels alone, for queries that look at no line. */
  labels(setIndex: number | undefined): LineLabels {
    const { labels } = this.#line
    labels.reset(this.stream, setIndex === undefined ? noLabels : this.metadataOf(setIndex))
    return labels
  }
}

/** Runs the stages on a line; false where one of them drops it. */
export function runStages(pipeline: Pipeline, line: Line): boolean {
  for (const run of pipeline.stages) if (!run(line)) return false
  return true
}

// First row at or behind a time.
function lowerBound(block: BlockView, timeNs: bigint): number {
  const times = block.timestamps()
  const wanted = Number(timeNs - block.baseNs)
  let low = 0
  let high = block.rowCount
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}

export function forEachRow(selection: RowSelection, visit: (row: number) => void): void {
  for (let i = 0; i < selection.count; i++) visit(rowAt(selection, i))
}

/** Formats nothing: the labels of a stream and one metadata set together, sorted by name. */
export function plainLabels(rows: BlockRows, setIndex: number | undefined): LabelSet {
  return rows.labels(setIndex).toLabelSet()
}

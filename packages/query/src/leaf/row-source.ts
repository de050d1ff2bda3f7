// Passes the lines and labels of a block to the stages of a pipeline.

import type { BlockView, MetadataColumn, MetadataTable } from '../blocks/block-view.ts'
import { tableOf } from '../blocks/set-list.ts'
import type { MutableScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { BlockText } from '../pipeline/block-text.ts'
import {
  createLabelMap,
  createMetadataMap,
  type LabelMap,
  type LineLabels,
} from '../pipeline/labels.ts'
import { Line } from '../pipeline/line.ts'
import { filterSelection, type RowSelection, selectRange } from '../pipeline/row-selection.ts'
import type { RunStage } from '../pipeline/stage.ts'
import { markText } from '../pipeline/text-search.ts'
import type { Pipeline } from '../stages/compile.ts'
import type { LineHint } from '../stages/line-hints.ts'
import { setsThatMeet } from './needed-sets.ts'

const noLabels: LabelMap = new Map()

/** A block during a scan. Columns are decoded on first use. */
export class BlockRows {
  readonly block: BlockView
  readonly #stats: MutableScanStats
  readonly #nowNs: Clock
  readonly #metadata: LabelMap[] = []
  readonly #getText = () => this.text()
  // A query may read 50,000 small blocks, and often only their times: what it needs is made on first use.
  #streamMap: LabelMap | undefined
  #lineOrNone: Line | undefined
  #text: BlockText | undefined
  #column: MetadataColumn | undefined
  #table: MetadataTable | undefined
  #rowSets: Uint32Array | undefined
  #row = 0

  constructor(block: BlockView, stats: MutableScanStats, nowNs: Clock) {
    this.block = block
    this.#stats = stats
    this.#nowNs = nowNs
  }

  get stream(): LabelMap {
    this.#streamMap ??= createLabelMap(this.block.labels)
    return this.#streamMap
  }

  get #line(): Line {
    this.#lineOrNone ??= this.#createLine()
    return this.#lineOrNone
  }

  #createLine(): Line {
    const { block } = this
    const line = new Line()
    line.nowNs = this.#nowNs
    line.timestampNs = () => block.baseNs + BigInt(block.timestamps()[this.#row]!)
    return line
  }

  /** Returns the rows between two times (end exclusive) whose stored lines pass the filters of a pipeline. */
  select(bounds: { startNs: bigint; endNs: bigint }, pipeline: Pipeline): RowSelection {
    const { block } = this
    let from = 0
    let to = block.rowCount
    if (block.minNs < bounds.startNs) from = lowerBound(block, bounds.startNs)
    if (block.maxNs >= bounds.endNs) to = lowerBound(block, bounds.endNs)
    let selection = selectRange(from, to, block.skip)
    this.#stats.linesProcessed += selection.count
    selection = this.#filterSets(selection, pipeline)
    for (const filter of pipeline.blockFilters) {
      if (selection.count === 0) break
      selection = filter.filterBlock(this.text(), selection)
    }
    for (const hint of pipeline.hints) selection = this.#followHint(selection, hint)
    return selection
  }

  // Filters that do not read the line decide for all rows of a metadata set.
  #filterSets(selection: RowSelection, { setFilters, setNeed }: Pipeline): RowSelection {
    if (setFilters.length === 0 || selection.count === 0) return selection
    const table = this.#metadataTable()
    const passes = new Uint8Array(table.setCount)
    const mayPass = setNeed && setsThatMeet(setNeed, table, this.stream)
    for (let setIndex = 0; setIndex < passes.length; setIndex++) {
      if (mayPass?.[setIndex] === 0) continue
      const line = this.#line
      line.labels.reset(this.stream, this.metadataOf(setIndex))
      if (setFilters.every(run => run(line))) passes[setIndex] = 1
    }
    if (!passes.includes(0)) return selection
    if (!passes.includes(1)) return selectRange(0, 0)
    const rowSets = this.#metadataRows()
    return filterSelection(selection, row => passes[rowSets[row]!] === 1)
  }

  // A line without the text cannot have the label, unless it comes from elsewhere or has escapes.
  #followHint(selection: RowSelection, { name, values }: LineHint): RowSelection {
    if (selection.count === 0 || this.stream.has(name)) return selection
    if (this.hasMetadata(name)) return selection
    const marks = new Uint8Array(selection.to)
    for (const value of [...values, '\\']) {
      markText(Buffer.from(value), this.text(), selection, marks)
    }
    return filterSelection(selection, row => marks[row] === 1)
  }

  text(): BlockText {
    if (!this.#text) {
      this.#text = new BlockText(this.block.lines(), this.block.rowCount)
      this.#stats.bytesProcessed += this.#text.byteLength
    }
    return this.#text
  }

  /** Returns the metadata of one of the block's sets. */
  metadataOf(setIndex: number): LabelMap {
    const known = this.#metadata[setIndex]
    if (known) return known
    const map = createMetadataMap(this.#metadataTable().setAt(setIndex), this.stream)
    this.#metadata[setIndex] = map
    return map
  }

  /** Returns true if any row has metadata of this name, or would if no stream label had the name. */
  hasMetadata(name: string): boolean {
    const bare = name.replace(/_extracted$/, '')
    const table = this.#metadataTable()
    return table.hasName(name) || table.hasName(bare)
  }

  setOf(row: number): number {
    return this.#metadataRows()[row] ?? 0
  }

  #metadataColumn(): MetadataColumn {
    this.#column ??= this.block.metadata()
    return this.#column
  }

  #metadataTable(): MetadataTable {
    this.#table ??= tableOf(this.#metadataColumn())
    return this.#table
  }

  #metadataRows(): Uint32Array {
    if (this.#rowSets) return this.#rowSets
    const { rowSets } = this.#metadataColumn()
    this.#rowSets = rowSets
    const sizes = this.#metadataTable().sizesBytes()
    if (sizes.some(size => size > 0)) this.#stats.structuredMetadataBytes += sumOf(sizes, rowSets)
    return rowSets
  }

  /** Returns the bytes of a stored line. */
  lineBytes(row: number): number {
    const text = this.text()
    return text.endOf(row) - text.startOf(row)
  }

  /**
   * Runs the stages on a row. Returns the line (the same object for every row), or `undefined` if it is
   * dropped.
   */
  run(pipeline: Pipeline, row: number): Line | undefined {
    if (pipeline.probes.length > 0 && !runAll(pipeline.probes, this.#open(row))) return undefined
    const line = this.#open(row)
    return runAll(pipeline.stages, line) ? line : undefined
  }

  #open(row: number): Line {
    this.#row = row
    const line = this.#line
    line.useStored(this.#getText, row)
    line.labels.reset(this.stream, this.metadataOf(this.setOf(row)))
    return line
  }

  /** Returns only the labels, for queries that do not read lines. */
  labels(setIndex: number | undefined): LineLabels {
    const { labels } = this.#line
    labels.reset(this.stream, setIndex === undefined ? noLabels : this.metadataOf(setIndex))
    return labels
  }
}

function runAll(stages: readonly RunStage[], line: Line): boolean {
  for (const run of stages) if (!run(line)) return false
  return true
}

function sumOf(sizes: Uint32Array, rowSets: Uint32Array): number {
  let sum = 0
  for (let row = 0; row < rowSets.length; row++) sum += sizes[rowSets[row]!] ?? 0
  return sum
}

/** Returns the first row at or after a time. */
export function lowerBound(block: BlockView, timeNs: bigint): number {
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

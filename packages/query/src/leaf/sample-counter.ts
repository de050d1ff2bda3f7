// Answers a sample leaf from counts of rows by level and time, without the rows. It runs the pipeline once
// for each level of a stream, on the labels that all of these rows have.

import type { LabelSet } from '@skald/wire'
import type { Fold } from '../aggregation/folds.ts'
import { foldOf, sampleValueOf } from '../aggregation/range-aggregation.ts'
import { createWindows, cutSpan, type Windows } from '../aggregation/windows.ts'
import type { BlockView } from '../blocks/block-view.ts'
import type { LevelCounts, RowCounts } from '../blocks/row-counts.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import type { MemoryMeter } from '../memory-meter.ts'
import type { FoundSeries, LeafResult } from '../plan/leaf-result.ts'
import type { Leaf, SampleLeaf } from '../plan/log-source.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import { namesOf } from '../stages/label-needs.ts'
import { BlockRows } from './row-source.ts'
import { groupingOf, labelNeeds, readsOnlyLabels, seriesLabelsOf } from './sample-needs.ts'
import { createSeriesKeys, type SeriesKeys } from './series-keys.ts'
import { SeriesTable } from './series-table.ts'

const levelLabel = 'detected_level'

/** A block whose rows were counted. */
export interface CountedBlock {
  readonly labels: LabelSet
  /** First and last timestamp, both inclusive. */
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Cells of the counts are numbered from this time. */
  readonly cellsFromNs: bigint
  readonly counts: RowCounts
}

/** Returns true if counts of rows may answer a leaf. */
export function isCountable(leaf: Leaf): leaf is SampleLeaf {
  if (leaf.kind !== 'samples') return false
  const { range } = leaf
  return sampleValueOf(range) !== 'unwrapped' && readsOnlyLabels(range.log.stages)
}

/** Adds up counts of blocks for one leaf. */
export class SampleCounter {
  readonly #leaf: SampleLeaf
  readonly #clock: Clock
  readonly #pipeline: Pipeline
  readonly #countsBytes: boolean
  readonly #fold: Fold
  readonly #windows: Windows
  readonly #table: SeriesTable
  readonly #keys: SeriesKeys
  /** The labels that matter, `undefined` if all do. */
  readonly #names: ReadonlySet<string> | undefined
  readonly #stats = createScanStats()
  #streamLabels: LabelSet | undefined
  /** The levels of this stream that were looked at. */
  #levels = new Map<string | undefined, LevelRows>()
  /** Names of metadata of this stream that were looked at, and whether none of them matters. */
  #checked = new Map<readonly string[], boolean>()

  /**
   * @param leaf One that `isCountable`.
   * @param meter Counts what it keeps.
   */
  constructor(leaf: SampleLeaf, clock: Clock, meter?: MemoryMeter) {
    const { range } = leaf
    const grouping = groupingOf(leaf)
    this.#leaf = leaf
    this.#clock = clock
    this.#pipeline = compilePipeline(range.log.stages, labelNeeds(range, grouping))
    this.#countsBytes = sampleValueOf(range) === 'bytes'
    this.#fold = foldOf(range)
    this.#windows = createWindows(leaf.grid, range.rangeNs)
    const { bucketCount } = this.#windows
    this.#table = new SeriesTable(
      { fold: this.#fold, bucketCount, seriesMax: leaf.maxSeries },
      meter,
    )
    this.#keys = createSeriesKeys(seriesLabelsOf(leaf), labels => this.#table.series(labels))
    this.#names =
      grouping && !grouping.without ? namesOf(range.log.stages, grouping.labels) : undefined
  }

  /**
   * Adds the rows of a block. Returns false, and adds nothing, if its counts do not tell enough: then its rows
   * must be read. The block must not share rows with others or have deleted rows.
   *
   * @throws LimitExceededError if there are too many series.
   */
  add(block: CountedBlock): boolean {
    this.#startStream(block.labels)
    const { counts } = block
    if (!this.#tellsLabels(counts.names)) return false
    const taken: [LevelRows, LevelCounts, Int32Array][] = []
    for (const level of counts.levels) {
      const rows = this.#rowsOf(level.level)
      if (!rows.passes) continue
      const buckets = this.#bucketsOf(block, level.cells)
      if (!buckets) return false
      taken.push([rows, level, buckets])
    }
    for (const one of taken) this.#addLevel(...one)
    return true
  }

  /** Ends the count. The result survives a structured clone. */
  finish(): LeafResult {
    return { kind: 'samples', found: { series: this.#table.all() }, stats: this.#stats }
  }

  #startStream(labels: LabelSet): void {
    if (labels === this.#streamLabels) return
    this.#streamLabels = labels
    this.#levels = new Map()
    this.#checked = new Map()
  }

  /** Returns false if rows of one level may differ in a label that matters. */
  #tellsLabels(names: readonly string[]): boolean {
    if (names.length === 0) return true
    let isTold = this.#checked.get(names)
    if (isTold === undefined) {
      const isStream = (name: string) => this.#streamLabels!.some(label => label.name === name)
      isTold =
        this.#names !== undefined &&
        !names.some(name => this.#names!.has(isStream(name) ? `${name}_extracted` : name))
      this.#checked.set(names, isTold)
    }
    return isTold
  }

  #rowsOf(level: string | undefined): LevelRows {
    const known = this.#levels.get(level)
    if (known) return known
    const block = new LevelBlock(this.#streamLabels!, level, this.#leaf.startNs)
    const rows = new BlockRows(block, createScanStats(), this.#clock)
    const isSelected = rows.select(this.#leaf, this.#pipeline).count > 0
    const passes = isSelected && rows.run(this.#pipeline, 0) !== undefined
    const made: LevelRows = { rows, passes, series: undefined }
    this.#levels.set(level, made)
    return made
  }

  /** Cell → its bucket, or -1 if no window includes it. `undefined` if a window cuts a cell. */
  #bucketsOf(
    { minNs, maxNs, cellsFromNs, counts }: CountedBlock,
    cells: readonly number[],
  ): Int32Array | undefined {
    const { startNs } = this.#leaf.grid
    const from = Number(cellsFromNs - startNs)
    const before = Number(minNs - startNs) - 1
    const last = Number(maxNs - startNs)
    const buckets = new Int32Array(cells.length)
    for (let i = 0; i < cells.length; i++) {
      const end = from + cells[i]! * counts.cellNs
      const bucket = this.#windows.bucketOfSpan(
        Math.max(before, end - counts.cellNs),
        Math.min(last, end),
      )
      if (bucket === cutSpan) return undefined
      buckets[i] = bucket
    }
    return buckets
  }

  #addLevel(level: LevelRows, { rows, bytes }: LevelCounts, buckets: Int32Array): void {
    for (let i = 0; i < buckets.length; i++) {
      const bucket = buckets[i]!
      if (bucket < 0) continue
      level.series ??= this.#seriesOf(level)
      const { count, a } = level.series.buckets
      count[bucket]! += rows[i]!
      if (this.#countsBytes) a[bucket]! += bytes[i]!
      this.#stats.linesProcessed += rows[i]!
      this.#stats.linesMatched += rows[i]!
    }
  }

  #seriesOf({ rows }: LevelRows): FoundSeries {
    this.#keys.startBlock(rows)
    const line = rows.run(this.#pipeline, 0)!
    return this.#keys.ofLine(0, line.labels)
  }
}

/** The rows of one level of a stream, of which one stands for all. */
interface LevelRows {
  readonly rows: BlockRows
  /** Whether they pass the pipeline. */
  readonly passes: boolean
  series: FoundSeries | undefined
}

/** A block with a single row that has no line, and a level as its only metadata. */
class LevelBlock implements BlockView {
  readonly labels: LabelSet
  readonly sequence = 0
  readonly rowCount = 1
  readonly baseNs: bigint
  readonly skip = undefined
  readonly #level: string | undefined

  constructor(labels: LabelSet, level: string | undefined, timeNs: bigint) {
    this.labels = labels
    this.baseNs = timeNs
    this.#level = level
  }

  get minNs(): bigint {
    return this.baseNs
  }

  get maxNs(): bigint {
    return this.baseNs
  }

  timestamps(): Float64Array {
    return new Float64Array(1)
  }

  lineLengths(): Uint32Array {
    return new Uint32Array(1)
  }

  lines(): never {
    throw new TypeError('counts have no lines')
  }

  metadata() {
    const pairs = this.#level === undefined ? [] : [{ name: levelLabel, value: this.#level }]
    return { sets: [pairs], rowSets: new Uint32Array(1) }
  }

  metadataPairs(): Uint32Array {
    return new Uint32Array(1).fill(this.#level === undefined ? 0 : 1)
  }
}

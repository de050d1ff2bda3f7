// Runs a sample leaf: one range aggregation, folded into buckets per series. Reads only what the query
// needs: no lines to count rows, and no metadata if only stream labels survive.

import { formatLabelSet, type LabelSet } from '@skald/wire'
import type { Fold } from '../aggregation/folds.ts'
import type { SampleValue } from '../aggregation/range/definition.ts'
import { foldOf, sampleValueOf } from '../aggregation/range-aggregation.ts'
import { createWindows, type Windows } from '../aggregation/windows.ts'
import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { LimitExceededError, LogqlPipelineError } from '../errors.ts'
import { keptSampleCountMax, samplesCountedAtOnce } from '../limits.ts'
import { type MemoryMeter, noMeter } from '../memory-meter.ts'
import { errorLabel, preserveErrorLabel } from '../pipeline/labels.ts'
import type { Line } from '../pipeline/line.ts'
import { type RowSelection, rowAt } from '../pipeline/row-selection.ts'
import type { RunStage } from '../pipeline/stage.ts'
import type { FoundSeries, LeafResult } from '../plan/leaf-result.ts'
import type { LeafScanner, SampleLeaf } from '../plan/log-source.ts'
import { compileFilters, compilePipeline, type Pipeline } from '../stages/compile.ts'
import { compileUnwrap, type UnwrapValue } from '../stages/unwrap.ts'
import { createFieldScans, type FieldScan, type FieldScans } from './field-scan.ts'
import { createRestScans, type RestScans } from './rest-scan.ts'
import { BlockRows } from './row-source.ts'
import {
  groupingOf,
  labelNeeds,
  readsOnlyLabels,
  seriesLabelsOf,
  withoutIdleFormats,
} from './sample-needs.ts'
import { createSeriesKeys, type SeriesKeys } from './series-keys.ts'
import { SeriesTable } from './series-table.ts'

/** Memory of a kept number: its list has up to twice the room. */
const sampleBytes = 12

export class SampleScanner implements LeafScanner {
  readonly #leaf: SampleLeaf
  readonly #clock: Clock
  readonly #meter: MemoryMeter
  readonly #pipeline: Pipeline
  readonly #unwrap: UnwrapValue | undefined
  readonly #unwrapped: string | undefined
  readonly #filters: readonly RunStage[]
  readonly #value: SampleValue
  readonly #fold: Fold
  readonly #windows: Windows
  readonly #table: SeriesTable
  readonly #keys: SeriesKeys
  readonly #readsLines: boolean
  readonly #fields: FieldScans | undefined
  readonly #rests: RestScans | undefined
  readonly #preservesErrors: boolean
  readonly #addMissing: Fold['addMissing']
  readonly #refusesMissing: boolean
  readonly #stats = createScanStats()
  #keptSamples = 0

  /** @param meter Counts what the scanner keeps. */
  constructor(leaf: SampleLeaf, clock: Clock, meter: MemoryMeter = noMeter) {
    this.#clock = clock
    this.#meter = meter
    const expr = leaf.range
    const grouping = groupingOf(leaf)
    this.#leaf = leaf
    const needs = labelNeeds(expr, grouping)
    this.#pipeline = compilePipeline(withoutIdleFormats(expr), needs)
    // A query that uses errors, in a filter or a group, gets them counted.
    this.#preservesErrors = needs.names?.has(errorLabel) ?? false
    this.#unwrap = expr.unwrap && compileUnwrap(expr.unwrap)
    // `by` keeps the labels it names, even the unwrapped one.
    this.#unwrapped = grouping && !grouping.without ? undefined : expr.unwrap?.label
    this.#filters = compileFilters(expr.unwrap?.filters ?? [])
    this.#value = sampleValueOf(expr)
    this.#fold = foldOf(expr)
    this.#windows = createWindows(leaf.grid, expr.rangeNs)
    const { bucketCount } = this.#windows
    this.#table = new SeriesTable(
      { fold: this.#fold, bucketCount, seriesMax: leaf.maxSeries },
      meter,
    )
    const find = (labels: LabelSet) => this.#table.series(labels)
    const seriesLabels = seriesLabelsOf(leaf)
    // If empty labels are lost, lines without a sample do not count for an average either.
    this.#addMissing = seriesLabels.keepsEmpty ? this.#fold.addMissing : undefined
    this.#refusesMissing = this.#addMissing !== undefined && !expr.grouping
    this.#keys = createSeriesKeys(seriesLabels, find, meter)
    this.#readsLines = expr.unwrap !== undefined || !readsOnlyLabels(this.#pipeline.lineStages)
    const stages = this.#pipeline.lineStages
    const fieldQuery = { stages, needs, grouping, unwrap: expr.unwrap }
    this.#fields = createFieldScans(fieldQuery, find, meter)
    this.#rests = createRestScans({ stages, grouping, unwrap: expr.unwrap })
  }

  wants(): boolean {
    return this.#windows.windowCount > 0
  }

  scan(block: BlockView): boolean {
    if (!this.wants()) return true
    const rows = new BlockRows(block, this.#stats, this.#clock)
    if (this.#readsLines || this.#pipeline.blockFilters.length > 0) this.#stats.blocksScanned++
    else this.#stats.blocksSkipped++
    const selection = rows.select(this.#leaf, this.#pipeline)
    if (selection.count === 0) return false
    const matchedBefore = this.#stats.linesMatched
    this.#keys.startBlock(rows)
    if (this.#readsLines) this.#foldLines(rows, selection)
    else this.#foldRows(rows, selection)
    return this.#stats.linesMatched > matchedBefore
  }

  finish(): LeafResult {
    return { kind: 'samples', found: { series: this.#table.all() }, stats: this.#stats }
  }

  // Counts stored rows: reads only times, plus lengths or metadata if they matter.
  #foldRows(rows: BlockRows, selection: RowSelection): void {
    const { block } = rows
    if (this.#pipeline.stages.length > 0) {
      this.#foldSets(rows, selection)
      return
    }
    const offset = Number(block.baseNs - this.#leaf.grid.startNs)
    const single = this.#keys.ofBlock()
    this.#stats.linesMatched += selection.count
    if (single && this.#value === 'one' && !selection.rows) {
      if (!this.#foldWhole(rows, selection, single)) this.#foldRuns(rows, selection, single)
      return
    }
    const times = block.timestamps()
    const lengths = this.#value === 'bytes' ? block.lineLengths() : undefined
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const time = offset + times[row]!
      const bucket = this.#windows.bucketOf(time)
      if (bucket < 0) continue
      const series = single ?? this.#keys.ofSet(rows.setOf(row))
      this.#fold.add(series.buckets, bucket, time, lengths ? lengths[row]! : 1)
    }
  }

  // The stages read only labels, so they run once for each metadata set.
  #foldSets(rows: BlockRows, selection: RowSelection): void {
    const { block } = rows
    const offset = Number(block.baseNs - this.#leaf.grid.startNs)
    const times = block.timestamps()
    const lengths = this.#value === 'bytes' ? block.lineLengths() : undefined
    const bySet: (FoundSeries | 'dropped' | undefined)[] = []
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const time = offset + times[row]!
      const bucket = this.#windows.bucketOf(time)
      if (bucket < 0) continue
      const set = rows.setOf(row)
      bySet[set] ??= this.#seriesOfRow(rows, row) ?? 'dropped'
      const series = bySet[set]
      if (series === 'dropped') continue
      this.#stats.linesMatched++
      this.#fold.add(series.buckets, bucket, time, lengths ? lengths[row]! : 1)
    }
  }

  #seriesOfRow(rows: BlockRows, row: number): FoundSeries | undefined {
    const line = rows.run(this.#pipeline, row)
    return line && this.#keys.ofLine(rows.setOf(row), line.labels)
  }

  // Adds the row count of a block that fits in one bucket.
  #foldWhole(rows: BlockRows, selection: RowSelection, series: FoundSeries): boolean {
    const { block } = rows
    if (selection.count !== block.rowCount) return false
    const { startNs } = this.#leaf.grid
    const first = this.#windows.bucketOf(Number(block.minNs - startNs))
    const last = this.#windows.bucketOf(Number(block.maxNs - startNs))
    if (first !== last || (first < 0 && block.minNs !== block.maxNs)) return false
    if (first >= 0) series.buckets.count[first]! += selection.count
    return true
  }

  // Times ascend, so the rows of a bucket are a run. Binary search finds its end.
  #foldRuns(rows: BlockRows, { from, to }: RowSelection, series: FoundSeries): void {
    const { block } = rows
    const offset = Number(block.baseNs - this.#leaf.grid.startNs)
    const times = block.timestamps()
    for (let row = from; row < to; ) {
      const bucket = this.#windows.bucketOf(offset + times[row]!)
      if (bucket < 0) {
        row++
        continue
      }
      const end = this.#windows.endOf(bucket) - offset
      let low = row + 1
      for (let high = to; low < high; ) {
        const middle = (low + high) >> 1
        if (times[middle]! <= end) low = middle + 1
        else high = middle
      }
      series.buckets.count[bucket]! += low - row
      row = low
    }
  }

  #foldLines(rows: BlockRows, selection: RowSelection): void {
    const { block } = rows
    const offset = Number(block.baseNs - this.#leaf.grid.startNs)
    const times = block.timestamps()
    const fields = this.#fields?.ofBlock(rows)
    const rests = this.#rests?.ofBlock(rows)
    const text = fields || rests ? rows.text() : undefined
    // Times ascend, so most rows are in the bucket of the previous row.
    let bucket = -1
    let bucketEnd = Number.NEGATIVE_INFINITY
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const time = offset + times[row]!
      if (time > bucketEnd) {
        bucket = this.#windows.bucketOf(time)
        bucketEnd = bucket < 0 ? bucketEnd : this.#windows.endOf(bucket)
      }
      if (bucket < 0) continue
      const outcome = fields ? fields.take(text!, row) : 'unknown'
      if (outcome === 'dropped') continue
      if (outcome === 'sample') {
        this.#foldFields(fields!, { rows, row, bucket, time })
        continue
      }
      const known = rests?.take(text!, row, rows.setOf(row))
      if (known === 'dropped') continue
      if (known) {
        this.#countMatch()
        this.#fold.add(known.buckets, bucket, time, rests!.sample)
        continue
      }
      const line = rows.run(this.#pipeline, row)
      if (!line) {
        rests?.remember('dropped')
        continue
      }
      // An error after the pipeline does not count if the line has no sample.
      const { hasError } = line.labels
      if (hasError && this.#refusesMissing) this.#refuseError(line)
      const value = this.#valueOf(line)
      if (value === undefined) {
        if (!this.#addMissing || hasError) continue
        line.labels.clearError()
        const series = this.#keys.ofLine(rows.setOf(row), line.labels)
        this.#addMissing(series.buckets, bucket)
        continue
      }
      if (line.labels.hasError) this.#refuseError(line)
      // Filters after the unwrap still need the label, so remove it only now.
      if (this.#unwrapped !== undefined) line.labels.delete(this.#unwrapped)
      this.#countMatch()
      const series = this.#keys.ofLine(rows.setOf(row), line.labels)
      if (!line.labels.hasError) rests?.remember(series)
      this.#fold.add(series.buckets, bucket, time, value)
    }
  }

  #foldFields(
    fields: FieldScan,
    { rows, row, bucket, time }: { rows: BlockRows; row: number; bucket: number; time: number },
  ): void {
    this.#countMatch()
    const value = this.#value === 'bytes' && !this.#unwrap ? rows.lineBytes(row) : fields.sample
    this.#fold.add(fields.series().buckets, bucket, time, value)
  }

  // Returns `undefined` if the line has no sample.
  #valueOf(line: Line): number | undefined {
    let value = 1
    if (this.#unwrap) {
      const unwrapped = this.#unwrap(line)
      if (unwrapped === undefined) return undefined
      value = unwrapped
    } else if (this.#value === 'bytes') {
      value = line.byteLength
    }
    for (const run of this.#filters) if (!run(line)) return undefined
    return value
  }

  #refuseError({ labels }: Line): void {
    if (labels.error === '') return
    // Only parser errors may be counted.
    if (this.#preservesErrors && labels.hasParserError) {
      labels.set(preserveErrorLabel, 'true')
      return
    }
    throw new LogqlPipelineError(labels.error, formatLabelSet(labels.toLabelSet()))
  }

  #countMatch(): void {
    this.#stats.linesMatched++
    if (this.#fold.sampleWidth === 0) return
    if (this.#keptSamples++ % samplesCountedAtOnce === 0) {
      this.#meter.takeResult(samplesCountedAtOnce * this.#fold.sampleWidth * sampleBytes)
    }
    if (this.#keptSamples <= keptSampleCountMax) return
    throw new LimitExceededError(
      'kept_samples',
      `the query would keep more than ${keptSampleCountMax} samples in memory; ` +
        'consider a shorter range or a narrower selector',
    )
  }
}

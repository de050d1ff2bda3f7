// Runs a log leaf. Keeps only the first or last entries that pass the pipeline, up to the limit, so a block
// costs no more than the rows that can still change the result.

import { formatLabelSet } from '@skald/wire'
import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { entryBytes, labelsBytes, type MemoryMeter, noMeter, objectBytes } from '../memory-meter.ts'
import type { CategorizedLabels } from '../pipeline/labels.ts'
import { type RowSelection, rowAt } from '../pipeline/row-selection.ts'
import type { LeafResult } from '../plan/leaf-result.ts'
import type { LeafScanner, LogLeaf } from '../plan/log-source.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import { EntryHeap } from './entry-heap.ts'
import { type BoardSeat, LimitMarks } from './limit-board.ts'
import { BlockRows } from './row-source.ts'

/** The values of stream labels and metadata are shared with other lines; those of parsed ones are not. */
function categorizedBytes({ stream, metadata, parsed }: CategorizedLabels): number {
  return (stream.length + metadata.length) * objectBytes + labelsBytes(parsed)
}

export class LogScanner implements LeafScanner {
  readonly #leaf: LogLeaf
  readonly #clock: Clock
  readonly #meter: MemoryMeter
  readonly #pipeline: Pipeline
  readonly #heap: EntryHeap
  readonly #marks: LimitMarks | undefined
  readonly #stats = createScanStats()

  /**
   * @param seat Its place among the scanners of the leaf, if there are several.
   * @param meter Counts what the scanner keeps.
   */
  constructor(
    leaf: LogLeaf,
    clock: Clock,
    { seat, meter = noMeter }: { seat?: BoardSeat | undefined; meter?: MemoryMeter } = {},
  ) {
    this.#clock = clock
    this.#meter = meter
    this.#leaf = leaf
    this.#pipeline = compilePipeline(leaf.log.stages)
    this.#heap = new EntryHeap(leaf.direction, leaf.limit)
    this.#marks = seat && new LimitMarks(leaf, seat)
  }

  wants(minNs: bigint, maxNs: bigint): boolean {
    const worst = this.#heap.worst()
    if (!worst && this.#leaf.limit === 0) return false
    if (worst) {
      const isTooLate =
        this.#leaf.direction === 'forward' ? minNs > worst.timestampNs : maxNs < worst.timestampNs
      if (isTooLate) return false
    }
    return this.#marks?.mayMatter(minNs, maxNs) ?? true
  }

  scan(block: BlockView): boolean {
    if (!this.wants(block.minNs, block.maxNs)) {
      this.#stats.blocksSkipped++
      return true
    }
    this.#stats.blocksScanned++
    const rows = new BlockRows(block, this.#stats, this.#clock)
    const selection = rows.select(this.#leaf, this.#pipeline)
    if (selection.count === 0) return false
    const mayMatch = this.#collect(rows, selection)
    if (mayMatch) this.#marks?.publish(this.#heap.entries().map(({ timestampNs }) => timestampNs))
    return mayMatch
  }

  // Takes rows best first, and stops at the first that is too late. Returns false if it looked at all rows
  // and none matched.
  #collect(rows: BlockRows, selection: RowSelection): boolean {
    const { block } = rows
    let mayMatch = false
    const times = block.timestamps()
    const streamKey = formatLabelSet(block.labels)
    const placeOf = (row: number) => ({
      timestampNs: block.baseNs + BigInt(times[row]!),
      streamKey,
      sequence: block.sequence,
      row,
    })
    const isForward = this.#leaf.direction === 'forward'
    const labelsBySet: CategorizedLabels[] = []
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, isForward ? i : selection.count - 1 - i)
      const worst = this.#heap.worst()
      if (worst) {
        const distance = times[row]! - Number(worst.timestampNs - block.baseNs)
        // All later rows are too late as well. Rows at the same time may still differ in order.
        if (isForward ? distance > 0 : distance < 0) return true
        if (distance === 0 && !this.#heap.accepts(placeOf(row))) {
          mayMatch = true
          continue
        }
      }
      const line = rows.run(this.#pipeline, row)
      if (!line) continue
      this.#stats.linesMatched++
      mayMatch = true
      const setIndex = rows.setOf(row)
      const known = line.labels.isChanged ? undefined : labelsBySet[setIndex]
      const labels = known ?? line.labels.categorize()
      if (!line.labels.isChanged) labelsBySet[setIndex] = labels
      const { text } = line
      const bytes = entryBytes + text.length + (known ? 0 : categorizedBytes(labels))
      // The heap replaces its worst entry.
      this.#meter.takeResult(bytes - (worst?.bytes ?? 0))
      this.#heap.push({ ...placeOf(row), line: text, labels, bytes })
    }
    return mayMatch
  }

  finish(): LeafResult {
    return { kind: 'logs', found: { entries: this.#heap.entries() }, stats: this.#stats }
  }
}

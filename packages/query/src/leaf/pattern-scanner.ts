// Runs a pattern leaf: feeds the lines that pass the pipeline to the miner of their stream and level.

import { formatLabelSet } from '@skald/wire'
import type { BlockView } from '../blocks/block-view.ts'
import { createScanStats } from '../blocks/stats.ts'
import type { Clock } from '../clock.ts'
import { newShapesMax } from '../limits.ts'
import { type MemoryMeter, noMeter } from '../memory-meter.ts'
import { PatternMiner } from '../patterns/miner.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import type { FoundPatterns, LeafResult, StreamPatterns } from '../plan/leaf-result.ts'
import type { LeafScanner, PatternLeaf } from '../plan/log-source.ts'
import { compilePipeline, type Pipeline } from '../stages/compile.ts'
import { BlockRows } from './row-source.ts'

const levelLabel = 'detected_level'

/** Beyond `newShapesMax`, the scanner looks at one in so many lines with new shapes. */
const newShapesSampled = 16

/** Memory of a miner without patterns, and of what one line of a new shape adds. */
const minerBytes = 4096
const newShapeBytes = 2048

export class PatternScanner implements LeafScanner {
  readonly #leaf: PatternLeaf
  readonly #clock: Clock
  readonly #meter: MemoryMeter
  readonly #pipeline: Pipeline
  readonly #miners: StreamMiners
  readonly #stats = createScanStats()
  #newShapes = 0
  #linesLeft = 0

  /** @param meter Counts what the scanner keeps. */
  constructor(leaf: PatternLeaf, clock: Clock, meter: MemoryMeter = noMeter) {
    this.#clock = clock
    this.#meter = meter
    this.#miners = new StreamMiners(meter)
    this.#leaf = leaf
    this.#pipeline = compilePipeline(leaf.log.stages)
  }

  wants(): boolean {
    return true
  }

  scan(block: BlockView): boolean {
    this.#stats.blocksScanned++
    const matchedBefore = this.#stats.linesMatched
    const rows = new BlockRows(block, this.#stats, this.#clock)
    const selection = rows.select(this.#leaf, this.#pipeline)
    if (selection.count === 0) return false
    const { startNs, stepNs } = this.#leaf.grid
    const times = block.timestamps()
    const offset = Number(block.baseNs - startNs)
    const step = Number(stepNs)
    const stream = formatLabelSet(block.labels)
    /** Metadata set → miner of its level. */
    const miners: PatternMiner[] = []
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const line = rows.run(this.#pipeline, row)
      if (!line) continue
      this.#stats.linesMatched++
      const set = rows.setOf(row)
      miners[set] ??= this.#miners.of(stream, rows.metadataOf(set).get(levelLabel) ?? '')
      const slot = Math.floor((offset + times[row]!) / step)
      line.locate()
      if (miners[set].addKnown(line, slot)) continue
      this.#newShapes++
      if (this.#newShapes > newShapesMax && this.#newShapes % newShapesSampled !== 0) {
        this.#linesLeft++
      } else {
        this.#meter.takeOwn(newShapeBytes)
        miners[set].add(line, slot)
      }
    }
    return this.#stats.linesMatched > matchedBefore
  }

  finish(): LeafResult {
    const found: FoundPatterns = { streams: this.#miners.found(), linesLeft: this.#linesLeft }
    return { kind: 'patterns', found, stats: this.#stats }
  }
}

/** Merges the results of scanners, stream by stream. */
export function mergePatterns(parts: readonly FoundPatterns[]): FoundPatterns {
  if (parts.length === 1) return parts[0]!
  const miners = new StreamMiners(noMeter)
  for (const { stream, level, patterns } of parts.flatMap(({ streams }) => streams)) {
    const miner = miners.of(stream, level)
    for (const pattern of patterns) miner.merge(pattern)
  }
  const linesLeft = parts.reduce((sum, part) => sum + part.linesLeft, 0)
  return { streams: miners.found(), linesLeft }
}

class StreamMiners {
  /** Stream → level → miner. */
  readonly #byStream = new Map<string, Map<string, PatternMiner>>()
  readonly #meter: MemoryMeter

  constructor(meter: MemoryMeter) {
    this.#meter = meter
  }

  of(stream: string, level: string): PatternMiner {
    let levels = this.#byStream.get(stream)
    if (!levels) {
      levels = new Map()
      this.#byStream.set(stream, levels)
    }
    let miner = levels.get(level)
    if (!miner) {
      this.#meter.takeResult(minerBytes + stream.length)
      miner = new PatternMiner()
      levels.set(level, miner)
    }
    return miner
  }

  found(): StreamPatterns[] {
    return [...this.#byStream].flatMap(([stream, levels]) =>
      [...levels].map(([level, miner]) => ({ stream, level, patterns: miner.patterns() })),
    )
  }
}

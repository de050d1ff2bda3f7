// Runs a pattern leaf: the lines that the pipeline lets through teach the miner of their stream and level.

import { formatLabelSet } from '@skald/wire'
import type { BlockView, LeafResult, LeafScanner, PatternLeaf } from '../log-source.ts'
import { type MinedPattern, PatternMiner } from '../patterns/miner.ts'
import { compilePipeline, type Pipeline } from '../pipeline/compile.ts'
import { rowAt } from '../pipeline/row-selection.ts'
import { createScanStats } from '../stats.ts'
import type { LogExpr } from '../syntax/ast.ts'
import { parseLogql } from '../syntax/parser.ts'
import { BlockRows } from './row-source.ts'

/** Patterns of one stream's lines of one level. */
export interface StreamPatterns {
  /** Canonical labels of the stream. */
  readonly stream: string
  /** Value of `detected_level`; empty where there is none. */
  readonly level: string
  readonly patterns: readonly MinedPattern[]
}

export type FoundPatterns = readonly StreamPatterns[]

const levelLabel = 'detected_level'

export class PatternScanner implements LeafScanner {
  readonly #leaf: PatternLeaf
  readonly #pipeline: Pipeline
  readonly #miners = new StreamMiners()
  readonly #stats = createScanStats()

  constructor(leaf: PatternLeaf) {
    this.#leaf = leaf
    this.#pipeline = compilePipeline((parseLogql(leaf.logql) as LogExpr).stages)
  }

  wants(): boolean {
    return true
  }

  scan(block: BlockView): void {
    this.#stats.blocksScanned++
    const rows = new BlockRows(block, this.#stats)
    const selection = rows.select(this.#leaf, this.#pipeline)
    if (selection.count === 0) return
    const { startNs, stepNs } = this.#leaf.grid
    const times = block.timestamps()
    const offset = Number(block.baseNs - startNs)
    const step = Number(stepNs)
    const stream = formatLabelSet(block.labels)
    for (let i = 0; i < selection.count; i++) {
      const row = rowAt(selection, i)
      const line = rows.run(this.#pipeline, row)
      if (!line) continue
      this.#stats.linesMatched++
      const level = rows.metadataOf(rows.setOf(row)).get(levelLabel) ?? ''
      const slot = Math.floor((offset + times[row]!) / step)
      this.#miners.of(stream, level).add(line.text, slot)
    }
  }

  finish(): LeafResult {
    return { kind: 'patterns', found: this.#miners.found(), stats: this.#stats }
  }
}

/** Merges what scanners found, stream by stream. */
export function mergePatterns(parts: readonly FoundPatterns[]): FoundPatterns {
  if (parts.length === 1) return parts[0]!
  const miners = new StreamMiners()
  for (const { stream, level, patterns } of parts.flat()) {
    const miner = miners.of(stream, level)
    for (const pattern of patterns) miner.merge(pattern)
  }
  return miners.found()
}

class StreamMiners {
  /** Stream → level → miner. */
  readonly #byStream = new Map<string, Map<string, PatternMiner>>()

  of(stream: string, level: string): PatternMiner {
    let levels = this.#byStream.get(stream)
    if (!levels) {
      levels = new Map()
      this.#byStream.set(stream, levels)
    }
    let miner = levels.get(level)
    if (!miner) {
      miner = new PatternMiner()
      levels.set(level, miner)
    }
    return miner
  }

  found(): FoundPatterns {
    return [...this.#byStream].flatMap(([stream, levels]) =>
      [...levels].map(([level, miner]) => ({ stream, level, patterns: miner.patterns() })),
    )
  }
}

// A LogSource over entries in memory, in blocks of a few rows, for tests.

import { createLabelSet, formatLabelSet, type LabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'
import {
  type BlockView,
  type Leaf,
  type LeafResult,
  type LogSource,
  mergeLeafResults,
  openLeafScanner,
} from '../src/index.ts'

export interface TestEntry {
  readonly timestampNs: bigint
  readonly line: string
  readonly metadata?: Readonly<Record<string, string>>
}

export interface TestStream {
  readonly labels: Readonly<Record<string, string>>
  readonly entries: readonly TestEntry[]
}

/** What was touched, so that tests can tell that a column was left alone. */
export interface Touched {
  lines: number
  lengths: number
  times: number
  metadata: number
}

/** The time at which tests run their queries: 2026-01-15, midnight UTC. */
export const testClock = () => 1_768_435_200_000_000_000n

export interface MemorySource extends LogSource {
  readonly touched: Touched
}

/** Makes a source; each block has at most `rowsPerBlock` rows and is scanned by a scanner of its own. */
export function createMemorySource(streams: readonly TestStream[], rowsPerBlock = 7): MemorySource {
  const touched: Touched = { lines: 0, lengths: 0, times: 0, metadata: 0 }
  const blocks: BlockView[] = []
  for (const stream of streams) {
    const labels = createLabelSet(stream.labels)
    const sorted = stream.entries.toSorted((a, b) => Number(a.timestampNs - b.timestampNs))
    for (let at = 0; at < sorted.length; at += rowsPerBlock) {
      const rows = sorted.slice(at, at + rowsPerBlock)
      blocks.push(createBlock(labels, rows, { sequence: blocks.length, touched }))
    }
  }
  return {
    touched,
    select: async (leaf: Leaf, signal: AbortSignal): Promise<LeafResult> => {
      signal.throwIfAborted()
      const matches = compileMatchers(leaf.matchers)
      const wanted = blocks.filter(
        block => matches(block.labels) && block.maxNs >= leaf.startNs && block.minNs < leaf.endNs,
      )
      // Two scanners, so that merging is part of every test.
      const scanners = [openLeafScanner(leaf, testClock), openLeafScanner(leaf, testClock)]
      for (const [i, block] of wanted.entries()) {
        const scanner = scanners[i % 2]!
        if (scanner.wants(block.minNs, block.maxNs)) scanner.scan(block)
      }
      return mergeLeafResults(
        leaf,
        scanners.map(scanner => structuredClone(scanner.finish())),
      )
    },
  }
}

/** Makes a block of rows that ascend by time. */
export function createBlock(
  labels: LabelSet,
  rows: readonly TestEntry[],
  {
    sequence = 1,
    touched = { lines: 0, lengths: 0, times: 0, metadata: 0 },
  }: { sequence?: number; touched?: Touched } = {},
): BlockView {
  const baseNs = rows[0]!.timestampNs
  const lines = rows.map(row => Buffer.from(`${row.line}\n`))
  const offsets = new Uint32Array(rows.length + 1)
  for (const [i, line] of lines.entries()) offsets[i + 1] = offsets[i]! + line.length
  const sets: LabelSet[] = []
  const keys = new Map<string, number>()
  const rowSets = Uint32Array.from(rows, row => {
    const set = createLabelSet(row.metadata ?? {})
    const key = formatLabelSet(set)
    const known = keys.get(key)
    if (known !== undefined) return known
    keys.set(key, sets.length)
    return sets.push(set) - 1
  })
  return {
    labels,
    sequence,
    rowCount: rows.length,
    baseNs,
    minNs: baseNs,
    maxNs: rows.at(-1)!.timestampNs,
    skip: undefined,
    timestamps: () => {
      touched.times++
      return Float64Array.from(rows, row => Number(row.timestampNs - baseNs))
    },
    lineLengths: () => {
      touched.lengths++
      return Uint32Array.from(lines, line => line.length - 1)
    },
    lines: () => {
      touched.lines++
      return { bytes: Buffer.concat(lines), offsets }
    },
    metadata: () => {
      touched.metadata++
      return { sets, rowSets }
    },
    metadataPairs: () => rowSets.map(set => sets[set]!.length),
  }
}

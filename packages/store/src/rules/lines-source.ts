// A source of lines in memory, for trying rules on lines of a test.

import {
  type BlockView,
  createPause,
  type LogSource,
  mergeLeafResults,
  openLeafScanner,
} from '@skald/query'
import type { LabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'

/** Lines of one stream. */
export interface TrialStream {
  readonly labels: LabelSet
  /** In any order. */
  readonly entries: readonly { readonly timeNs: bigint; readonly line: string }[]
}

/** Makes a source of streams. */
export function createLinesSource(streams: readonly TrialStream[]): LogSource {
  const blocks = streams.filter(({ entries }) => entries.length > 0).map(createBlock)
  return {
    select: async (leaf, signal) => {
      await createPause(signal)(blocks.length)
      const matches = compileMatchers(leaf.matchers)
      const scanner = openLeafScanner(leaf, () => leaf.endNs)
      for (const block of blocks) {
        const isInRange = block.maxNs >= leaf.startNs && block.minNs < leaf.endNs
        if (isInRange && matches(block.labels) && scanner.wants(block.minNs, block.maxNs))
          scanner.scan(block)
      }
      return mergeLeafResults(leaf, [scanner.finish()])
    },
  }
}

function createBlock({ labels, entries }: TrialStream, sequence: number): BlockView {
  const rows = entries.toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0))
  const baseNs = rows[0]!.timeNs
  const lines = rows.map(({ line }) => Buffer.from(`${line}\n`))
  const offsets = new Uint32Array(rows.length + 1)
  for (const [i, line] of lines.entries()) offsets[i + 1] = offsets[i]! + line.length
  const metadata = { sets: [[]], rowSets: new Uint32Array(rows.length) }
  return {
    ...{ labels, sequence, rowCount: rows.length, baseNs, skip: undefined },
    minNs: baseNs,
    maxNs: rows.at(-1)!.timeNs,
    timestamps: () => Float64Array.from(rows, ({ timeNs }) => Number(timeNs - baseNs)),
    lineLengths: () => Uint32Array.from(lines, line => line.length - 1),
    lines: () => ({ bytes: Buffer.concat(lines), offsets }),
    metadata: () => metadata,
    metadataPairs: () => new Uint32Array(rows.length),
  }
}

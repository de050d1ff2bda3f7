// A block of rows in memory, for tests.

import { createLabelSet, type LabelSet } from '@skald/wire'
import type { IdentifiedBlock } from '../../src/tail/recent-rows.ts'

type Row = readonly [timeNs: bigint, line: string, metadata?: Record<string, string>]

/** Builds a block of rows that ascend by time. */
export function block(labels: LabelSet, rows: readonly Row[]): IdentifiedBlock {
  const baseNs = rows[0]![0]
  const lines = rows.map(([, line]) => Buffer.from(`${line}\n`))
  const offsets = new Uint32Array(rows.length + 1)
  for (const [i, line] of lines.entries()) offsets[i + 1] = offsets[i]! + line.length
  const metadata = () => ({
    sets: rows.map(([, , pairs]) => createLabelSet(pairs ?? {})),
    rowSets: Uint32Array.from(rows, (_, row) => row),
  })
  return {
    labels,
    sequence: 1,
    rowCount: rows.length,
    baseNs,
    minNs: baseNs,
    maxNs: rows.at(-1)![0],
    skip: undefined,
    timestamps: () => Float64Array.from(rows, ([time]) => Number(time - baseNs)),
    lineLengths: () => Uint32Array.from(lines, line => line.length - 1),
    lines: () => ({ bytes: Buffer.concat(lines), offsets }),
    metadata,
    storedMetadata: metadata,
    metadataPairs: () => new Uint32Array(rows.length),
  }
}

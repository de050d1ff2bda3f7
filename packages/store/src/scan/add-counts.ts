// Runs in a scan thread: answers a leaf from the counts in segments, without opening blocks.

import {
  type Clock,
  type LeafResult,
  type MemoryMeter,
  SampleCounter,
  type SampleLeaf,
} from '@skald/query'
import { type LabelSet, parseLabelSet } from '@skald/wire'
import { nsPerDay } from '../day.ts'
import { CountGroupReader, type CountRecord } from '../segment/counts/count-group.ts'
import type { ReadCountBytes } from '../segment/counts/stored-counts.ts'
import type { CountAnswer, CountedSegment } from './messages.ts'

export interface CountJob {
  readonly leaf: SampleLeaf
  readonly labelsTexts: readonly string[]
  readonly segments: readonly CountedSegment[]
}

/** Counts that cannot be read cost time, never an answer: their blocks are read instead. */
export function addCounts(
  { leaf, labelsTexts, segments }: CountJob,
  { clock, meter }: { readonly clock: Clock; readonly meter: MemoryMeter },
  readBytes: (segment: string, offsetBytes: number, length: number) => Buffer,
): { readonly answers: readonly CountAnswer[]; readonly result: LeafResult } {
  const counter = new SampleCounter(leaf, clock, meter)
  const labels: LabelSet[] = []
  const labelsOf = (index: number) => {
    labels[index] ??= parseLabelSet(labelsTexts[index]!)
    return labels[index]
  }
  const answers = segments.map(one =>
    addSegment(one, { counter, labelsOf }, (offsetBytes, length) =>
      readBytes(one.segment, offsetBytes, length),
    ),
  )
  return { answers, result: counter.finish() }
}

function addSegment(
  { day, records, blocks, labels, minNs, maxNs }: CountedSegment,
  {
    counter,
    labelsOf,
  }: { readonly counter: SampleCounter; readonly labelsOf: (index: number) => LabelSet },
  read: ReadCountBytes,
): CountAnswer {
  const cellsFromNs = BigInt(day) * nsPerDay
  const isAdded = new Uint8Array(blocks.length)
  let damage: string | undefined
  let bytesRead = 0
  let at = 0
  for (const record of records) {
    const end = record.firstBlock + record.blockCount
    while (at < blocks.length && blocks[at]! < record.firstBlock) at++
    if (at === blocks.length || blocks[at]! >= end) continue
    bytesRead += record.storedBytes
    const group = openGroup(record, read)
    if (!(group instanceof CountGroupReader)) damage ??= group.damage
    for (; at < blocks.length && blocks[at]! < end; at++) {
      const counts =
        group instanceof CountGroupReader && group.countsOf(blocks[at]! - record.firstBlock)
      if (!counts) continue
      const block = { labels: labelsOf(labels[at]!), minNs: minNs[at]!, maxNs: maxNs[at]! }
      if (counter.add({ ...block, cellsFromNs, counts })) isAdded[at] = 1
    }
  }
  return { isAdded, damage, bytesRead }
}

function openGroup(
  record: CountRecord,
  read: ReadCountBytes,
): CountGroupReader | { readonly damage: string } {
  try {
    return new CountGroupReader(record, read(record.offsetBytes, record.storedBytes))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { damage: `${error.message} (group at byte ${record.offsetBytes})` }
  }
}

// Blocks in memory for measuring stages: lines of the benchmark's generator, in columns as a scan sees
// them, without a store around them.

import type { BlockView, Leaf, LeafScanner } from '@skald/query'
import { createLabelSet } from '@skald/wire'
import { compileMatchers } from '@skald/wire/compile-matcher'
import { ByteWriter } from './byte-writer.ts'
import { type LineKind, type LineTime, lineKinds } from './lines.ts'
import { Random } from './random.ts'

/** Kinds of lines to measure: those of the workload, and logfmt whose labels have few values. */
export type StageKind = LineKind | 'few'

const startMs = 1_768_435_200_000
const hourMs = 3_600_000
const blockBytes = 1_000_000

/** First and last time of all blocks. */
export const stageStartNs = BigInt(startMs) * 1_000_000n
export const stageEndNs = stageStartNs + BigInt(hourMs) * 1_000_000n

/** Generates blocks with about this many bytes of lines of one kind, in one stream. */
export function createStageBlocks(kind: StageKind, bytes: number): BlockView[] {
  const random = new Random(1)
  const out = new ByteWriter(2 * blockBytes)
  const blocks: BlockView[] = []
  let ends = [0]
  let times: number[] = []
  for (let written = 0; written < bytes; ) {
    const offsetMs = ((written + out.length) / bytes) * hourMs
    if (kind === 'few') writeFew(out, random)
    else lineKinds[kind](out, random, timeAt(startMs + offsetMs))
    out.byte(10)
    ends.push(out.length)
    times.push(offsetMs * 1e6)
    if (out.length < blockBytes && written + out.length < bytes) continue
    blocks.push(createStageBlock({ kind, pod: 'only' }, { bytes: out.copy(), ends, times }))
    written += out.length
    out.clear()
    ends = [0]
    times = []
  }
  return blocks
}

/** Generates one block of ten lines for each of many pods. */
export function createPodBlocks(podCount: number): BlockView[] {
  const random = new Random(2)
  const out = new ByteWriter(4096)
  return Array.from({ length: podCount }, (_, pod) => {
    const ends = [0]
    const times: number[] = []
    out.clear()
    for (let i = 0; i < 10; i++) {
      writeFew(out, random)
      out.byte(10)
      ends.push(out.length)
      times.push(i * 60e9 + pod)
    }
    return createStageBlock({ kind: 'pods', pod: `web-${pod}` }, { bytes: out.copy(), ends, times })
  })
}

function writeFew(out: ByteWriter, random: Random): void {
  out
    .ascii('level=')
    .ascii(random.pick(['info', 'warn', 'error']))
    .ascii(' component=')
  out.ascii(random.pick(['scheduler', 'executor', 'shipper', 'reconciler'])).ascii(' caller=')
  out.ascii(random.pick(['handler.go:118', 'worker.go:87', 'queue.go:241'])).ascii(' msg="job ')
  out
    .ascii(random.pick(['started', 'finished']))
    .ascii('" attempt=')
    .decimal(random.between(1, 3))
  out.ascii(' duration=').decimal(random.below(400)).byte(46).padded(random.below(1000), 3)
  out.ascii('ms')
}

function timeAt(timeMs: number): LineTime {
  const iso = new Date(timeMs).toISOString().slice(0, 19)
  const ms = Math.floor(timeMs) % 1000
  const clf = `15/Jan/2026:${iso.slice(11)} +0000`
  return { iso, spaced: iso.replace('T', ' '), clf, ms, us: Math.floor((timeMs % 1) * 1000) }
}

interface Columns {
  readonly bytes: Buffer
  readonly ends: readonly number[]
  readonly times: readonly number[]
}

function createStageBlock(
  labels: Readonly<Record<string, string>>,
  { bytes, ends, times }: Columns,
): BlockView {
  const rowCount = times.length
  const first = times[0]!
  const timestamps = Float64Array.from(times, time => Math.round(time - first))
  const offsets = Uint32Array.from(ends)
  const baseNs = stageStartNs + BigInt(Math.round(first))
  const metadata = { sets: [[{ name: 'detected_level', value: 'info' }]] }
  return {
    labels: createLabelSet({ app: 'bench', namespace: 'shop', stream: 'stdout', ...labels }),
    sequence: 1,
    rowCount,
    baseNs,
    minNs: baseNs,
    maxNs: baseNs + BigInt(timestamps.at(-1)!),
    skip: undefined,
    timestamps: () => timestamps,
    lineLengths: () => Uint32Array.from(offsets.subarray(1), (end, i) => end - offsets[i]! - 1),
    lines: () => ({ bytes, offsets }),
    metadata: () => ({ ...metadata, rowSets: new Uint32Array(rowCount) }),
    metadataPairs: () => new Uint32Array(rowCount).fill(1),
  }
}

/** Scans the blocks that fit a leaf, like one thread of a store. */
export function scanStageBlocks(
  scanner: LeafScanner,
  leaf: Leaf,
  blocks: readonly BlockView[],
): void {
  const matches = compileMatchers(leaf.matchers)
  const isBackward = leaf.kind === 'logs' && leaf.direction === 'backward'
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[isBackward ? blocks.length - 1 - i : i]!
    if (!matches(block.labels) || block.maxNs < leaf.startNs || block.minNs >= leaf.endNs) continue
    if (scanner.wants(block.minNs, block.maxNs)) scanner.scan(block)
  }
}

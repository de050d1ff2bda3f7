// Rows of one stream and day from several sources into blocks: ascending by time, at equal times in
// order of arrival, each (time, line) once. A commit and a compaction both write blocks by this rule.

import type { MetadataColumn } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import type { Allocate } from '../buffers.ts'
import type { BlockColumns } from './block.ts'
import { digestFrom, digestLine } from './line-digest.ts'

const newline = 0x0a

/** Rows as they lie in a push or in a block. Sources are given in order of arrival. */
export interface RowSource {
  readonly rowCount: number
  /** Row → nanoseconds since the day's start (below 2^53). Need not ascend. */
  readonly timestamps: Float64Array
  readonly bytes: Buffer
  /** Row → where its line starts in `bytes`. */
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  /** Absent when no row has any. */
  readonly metadata: MetadataColumn | undefined
}

export interface MergeOptions {
  readonly dayStartNs: bigint
  readonly flags: number
  readonly sequence: number
  /** A block is ended before its lines pass this, unless one line alone does. */
  readonly lineBytesMax: number
  /** Memory for a block's lines. */
  readonly allocate: Allocate
}

/** Yields the blocks of the merged rows; nothing when the sources are empty. */
export function* mergeRows(
  sources: readonly RowSource[],
  options: MergeOptions,
): Generator<BlockColumns> {
  const rows = orderRows(sources)
  const kept = rows.order && dropDuplicates(sources, rows, rows.order)
  const rowCount = kept ? kept.length : rows.times.length
  for (let from = 0; from < rowCount; ) {
    let to = from
    let lineBytes = 0
    while (to < rowCount) {
      const at = rows.locate(kept ? kept[to]! : to)
      const length = sources[at.source]!.lengths[at.row]! + 1
      if (to > from && lineBytes + length > options.lineBytesMax) break
      lineBytes += length
      to++
    }
    yield gatherBlock(sources, { rows, kept, from, to, lineBytes }, options)
    from = to
  }
}

/** Rows of all sources under one number each: the rows of source 0, then those of source 1, and so on. */
interface OrderedRows {
  /** Row numbers in time order, ties in order of arrival; absent when they are so already, without ties. */
  readonly order: Uint32Array | undefined
  /** Row number → time. */
  readonly times: Float64Array
  /** Finds the source and the row in it; the object is reused by the next call. */
  locate(number: number): { readonly source: number; readonly row: number }
}

function orderRows(sources: readonly RowSource[]): OrderedRows {
  const starts = new Uint32Array(sources.length + 1)
  for (const [i, source] of sources.entries()) starts[i + 1] = starts[i]! + source.rowCount
  const count = starts[sources.length]!
  const times = sources.length === 1 ? sources[0]!.timestamps : joinTimes(sources, starts)
  const place = { source: 0, row: 0 }
  const locate = (number: number) => {
    // Consecutive rows mostly come from the same source.
    let { source } = place
    while (number < starts[source]!) source--
    while (number >= starts[source + 1]!) source++
    place.source = source
    place.row = number - starts[source]!
    return place
  }
  return { order: orderOf(times, count), times, locate }
}

function joinTimes(sources: readonly RowSource[], starts: Uint32Array): Float64Array {
  const times = new Float64Array(starts[sources.length]!)
  for (const [i, source] of sources.entries()) times.set(source.timestamps, starts[i])
  return times
}

function orderOf(times: Float64Array, count: number): Uint32Array | undefined {
  let firstTie = 1
  while (firstTie < count && times[firstTie]! > times[firstTie - 1]!) firstTie++
  if (firstTie >= count) return undefined
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  let next = firstTie
  while (next < count && times[next]! >= times[next - 1]!) next++
  // Row numbers grow with arrival, so they break ties.
  return next >= count ? order : order.sort((a, b) => times[a]! - times[b]! || a - b)
}

function dropDuplicates(
  sources: readonly RowSource[],
  rows: OrderedRows,
  order: Uint32Array,
): Uint32Array {
  const { times } = rows
  const kept = new Uint32Array(order.length)
  let keptCount = 0
  let runStart = 0
  // Digests of a long run's lines.
  let digests: Set<string> | undefined
  for (let i = 0; i < order.length; i++) {
    const number = order[i]!
    if (keptCount > 0 && times[kept[keptCount - 1]!] !== times[number]) {
      runStart = keptCount
      digests = undefined
    }
    let isDuplicate = false
    if (keptCount - runStart < digestFrom) {
      for (let k = runStart; k < keptCount && !isDuplicate; k++) {
        isDuplicate = hasSameLine(sources, rows, kept[k]!, number)
      }
    } else {
      digests ??= new Set(
        Array.from(kept.subarray(runStart, keptCount), k => digestOf(sources, rows, k)),
      )
      const digest = digestOf(sources, rows, number)
      isDuplicate = digests.has(digest)
      digests.add(digest)
    }
    if (!isDuplicate) kept[keptCount++] = number
  }
  return kept.subarray(0, keptCount)
}

function digestOf(sources: readonly RowSource[], rows: OrderedRows, number: number): string {
  const { source: index, row } = rows.locate(number)
  const { bytes, offsets, lengths } = sources[index]!
  return digestLine(bytes, offsets[row]!, lengths[row]!)
}

function hasSameLine(
  sources: readonly RowSource[],
  rows: OrderedRows,
  a: number,
  b: number,
): boolean {
  const x = { ...rows.locate(a) }
  const y = rows.locate(b)
  const one = sources[x.source]!
  const other = sources[y.source]!
  const length = one.lengths[x.row]!
  if (other.lengths[y.row] !== length) return false
  const start = one.offsets[x.row]!
  const otherStart = other.offsets[y.row]!
  return (
    one.bytes.compare(other.bytes, otherStart, otherStart + length, start, start + length) === 0
  )
}

/** Rows of one block: numbers `from` to `to` of `kept`, or of all rows. */
interface BlockRows {
  readonly rows: OrderedRows
  readonly kept: Uint32Array | undefined
  readonly from: number
  readonly to: number
  readonly lineBytes: number
}

function gatherBlock(
  sources: readonly RowSource[],
  { rows, kept, from, to, lineBytes }: BlockRows,
  options: MergeOptions,
): BlockColumns {
  const rowCount = to - from
  const firstTime = rows.times[kept ? kept[from]! : from]!
  const timestamps = new Float64Array(rowCount)
  const lengths = new Uint32Array(rowCount)
  const lines = options.allocate(lineBytes)
  const metadata = new MetadataGatherer(sources, rowCount)
  const copier = new LineCopier(lines)
  for (let i = 0; i < rowCount; i++) {
    const number = kept ? kept[from + i]! : from + i
    const { source: index, row } = rows.locate(number)
    const source = sources[index]!
    const length = source.lengths[row]!
    timestamps[i] = rows.times[number]! - firstTime
    lengths[i] = length
    copier.add(source.bytes, source.offsets[row]!, length)
    metadata.add(i, index, row)
  }
  copier.finish()
  const { flags, sequence, dayStartNs } = options
  const minNs = dayStartNs + BigInt(firstTime)
  const maxNs = minNs + BigInt(timestamps[rowCount - 1]!)
  return {
    flags,
    sequence,
    minNs,
    maxNs,
    timestamps,
    lengths,
    lines,
    metadata: metadata.finish(),
  }
}

/** Below this many bytes a loop is quicker than a call that copies. */
const shortRunBytes = 48

/**
 * Puts lines end to end. Lines that already lie so in their source, separators included, as the rows
 * of a block do, are copied in one piece.
 */
class LineCopier {
  readonly #target: Buffer
  #at = 0
  #source: Buffer | undefined
  #start = 0
  #end = 0

  constructor(target: Buffer) {
    this.#target = target
  }

  add(source: Buffer, start: number, length: number): void {
    if (source === this.#source && start === this.#end + 1 && source[this.#end] === newline) {
      this.#end = start + length
      return
    }
    this.finish()
    this.#source = source
    this.#start = start
    this.#end = start + length
  }

  /** Copies what was not copied yet. */
  finish(): void {
    const source = this.#source
    if (!source) return
    const target = this.#target
    const length = this.#end - this.#start
    if (length < shortRunBytes) {
      for (let i = 0; i < length; i++) target[this.#at + i] = source[this.#start + i]!
    } else source.copy(target, this.#at, this.#start, this.#end)
    this.#at += length
    target[this.#at++] = newline
    this.#source = undefined
  }
}

/** Joins the sources' metadata sets into those of one block: equal sets once, unused ones not at all. */
class MetadataGatherer {
  readonly #sources: readonly RowSource[]
  readonly #rowSets: Uint32Array | undefined
  readonly #sets: LabelSet[] = []
  readonly #indexByText = new Map<string, number>()
  /** Source → its set index → index here plus one; 0 is not yet known. */
  readonly #mapped: (Uint32Array | undefined)[]

  constructor(sources: readonly RowSource[], rowCount: number) {
    this.#sources = sources
    const hasMetadata = sources.some(({ metadata }) => metadata)
    this.#rowSets = hasMetadata ? new Uint32Array(rowCount) : undefined
    this.#mapped = hasMetadata
      ? sources.map(({ metadata }) => metadata && new Uint32Array(metadata.sets.length))
      : []
  }

  add(row: number, source: number, sourceRow: number): void {
    if (!this.#rowSets) return
    const metadata = this.#sources[source]!.metadata
    const mapped = this.#mapped[source]
    if (!metadata || !mapped) {
      this.#rowSets[row] = this.#indexOf([])
      return
    }
    const set = metadata.rowSets[sourceRow]!
    if (mapped[set] === 0) mapped[set] = this.#indexOf(metadata.sets[set]!) + 1
    this.#rowSets[row] = mapped[set]! - 1
  }

  finish(): MetadataColumn | undefined {
    const isEmpty = this.#sets.length === 1 && this.#sets[0]!.length === 0
    return this.#rowSets && !isEmpty ? { sets: this.#sets, rowSets: this.#rowSets } : undefined
  }

  #indexOf(set: LabelSet): number {
    const text = JSON.stringify(set)
    let index = this.#indexByText.get(text)
    if (index === undefined) {
      index = this.#sets.length
      this.#sets.push(set)
      this.#indexByText.set(text, index)
    }
    return index
  }
}

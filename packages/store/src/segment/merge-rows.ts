// Merges rows of one stream and day from several sources into blocks: ascending by time, in order
// of arrival at equal times, each row once. Commits and compactions both use it.

import type { MetadataColumn } from '@skald/query'
import type { LabelSet } from '@skald/wire'
import type { Allocate } from '../buffers.ts'
import { scratchRowsMax } from '../limits.ts'
import type { BlockColumns } from './block.ts'
import { digestFrom, digestRow, metadataKeys } from './row-identity.ts'

const newline = 0x0a

/** Rows as laid out in a push or a block. Sources are passed in order of arrival. */
export interface RowSource {
  readonly rowCount: number
  /** Row → nanoseconds since the day's start (below 2^53), in any order. */
  readonly timestamps: Float64Array
  readonly bytes: Buffer
  /** Row → where its line starts in `bytes`. */
  readonly offsets: Uint32Array
  readonly lengths: Uint32Array
  /** Whether the lines are end to end in row order, each followed by one `\n`, as in a block. */
  readonly isPacked: boolean
  /** Absent if no row has any. */
  readonly metadata: MetadataColumn | undefined
}

export interface MergeOptions {
  readonly dayStartNs: bigint
  readonly flags: number
  readonly sequence: number
  /** Upper bound for the line bytes of a block. Only a single line that is longer exceeds it. */
  readonly lineBytesMax: number
  /** Returns memory for a block's lines. */
  readonly allocate: Allocate
  /** Memory for the times and lengths of a block, which the next block overwrites. The heap if absent. */
  readonly scratch?: ColumnScratch
}

/** Memory for the columns of one block after another. Very many small arrays would stay for long as garbage. */
export class ColumnScratch {
  #timestamps = new Float64Array(0)
  #lengths = new Uint32Array(0)

  /** Returns room for the columns of a block. Their content is arbitrary. */
  columns(rowCount: number): { timestamps: Float64Array; lengths: Uint32Array } {
    if (rowCount > scratchRowsMax) return newColumns(rowCount)
    if (rowCount > this.#timestamps.length) {
      const { timestamps, lengths } = newColumns(Math.min(scratchRowsMax, 2 * rowCount))
      this.#timestamps = timestamps
      this.#lengths = lengths
    }
    return {
      timestamps: this.#timestamps.subarray(0, rowCount),
      lengths: this.#lengths.subarray(0, rowCount),
    }
  }
}

function newColumns(rowCount: number) {
  return { timestamps: new Float64Array(rowCount), lengths: new Uint32Array(rowCount) }
}

/** Yields the blocks of the merged rows, none if the sources are empty. */
export function* mergeRows(
  sources: readonly RowSource[],
  options: MergeOptions,
): Generator<BlockColumns> {
  const rows = orderRows(sources)
  const kept = rows.order && dropDuplicates(sources, rows, rows.order)
  const rowCount = kept ? kept.length : rows.times.length
  for (let from = 0; from < rowCount; ) {
    const block = cutBlock(sources, { rows, kept, from, rowCount }, options.lineBytesMax)
    yield gatherBlock(sources, block, options)
    from = block.to
  }
}

/** Takes as many rows as fit into a block, at least one. */
function cutBlock(
  sources: readonly RowSource[],
  at: Pick<BlockRows, 'rows' | 'kept' | 'from'> & { readonly rowCount: number },
  lineBytesMax: number,
): BlockRows {
  const { rows, kept, from, rowCount } = at
  let to = from
  let lineBytes = 0
  while (to < rowCount) {
    const { source, row } = rows.locate(kept ? kept[to]! : to)
    const length = sources[source]!.lengths[row]! + 1
    if (to > from && lineBytes + length > lineBytesMax) break
    lineBytes += length
    to++
  }
  return { rows, kept, from, to, lineBytes }
}

/** Numbers the rows of all sources: first those of source 0, then those of source 1, and so on. */
interface OrderedRows {
  /**
   * Row numbers in time order, ties in order of arrival. Absent if already sorted and free of ties.
   */
  readonly order: Uint32Array | undefined
  /** Row number → time. */
  readonly times: Float64Array
  /**
   * Finds the source of a row number and the row in it. The next call reuses the returned object.
   */
  locate(number: number): RowPlace
}

interface RowPlace {
  readonly source: number
  readonly row: number
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
  const identity = new Identity(sources, rows)
  const kept = new Uint32Array(order.length)
  let keptCount = 0
  let runStart = 0
  // Digests of the rows in a long run of equal times.
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
        isDuplicate = identity.areSame(kept[k]!, number)
      }
    } else {
      digests ??= new Set(Array.from(kept.subarray(runStart, keptCount), k => identity.digest(k)))
      const digest = identity.digest(number)
      isDuplicate = digests.has(digest)
      digests.add(digest)
    }
    if (!isDuplicate) kept[keptCount++] = number
  }
  return kept.subarray(0, keptCount)
}

/** Compares rows that have the same time. */
class Identity {
  readonly #sources: readonly RowSource[]
  readonly #rows: OrderedRows
  /** Source → keys of its metadata sets, computed when two of its rows are first compared. */
  readonly #keys: (readonly string[] | undefined)[] = []

  constructor(sources: readonly RowSource[], rows: OrderedRows) {
    this.#sources = sources
    this.#rows = rows
  }

  areSame(a: number, b: number): boolean {
    const x = { ...this.#rows.locate(a) }
    const y = { ...this.#rows.locate(b) }
    return this.#haveSameLine(x, y) && this.#metadataKey(x) === this.#metadataKey(y)
  }

  digest(number: number): string {
    const place = { ...this.#rows.locate(number) }
    const { bytes, offsets, lengths } = this.#sources[place.source]!
    const start = offsets[place.row]!
    const line = bytes.subarray(start, start + lengths[place.row]!)
    return digestRow(line, this.#metadataKey(place))
  }

  #haveSameLine(x: RowPlace, y: RowPlace): boolean {
    const one = this.#sources[x.source]!
    const other = this.#sources[y.source]!
    const length = one.lengths[x.row]!
    if (other.lengths[y.row] !== length) return false
    const start = one.offsets[x.row]!
    const otherStart = other.offsets[y.row]!
    return (
      one.bytes.compare(other.bytes, otherStart, otherStart + length, start, start + length) === 0
    )
  }

  #metadataKey({ source, row }: RowPlace): string {
    const { metadata } = this.#sources[source]!
    if (!metadata) return ''
    this.#keys[source] ??= metadataKeys(metadata.sets)
    return this.#keys[source][metadata.rowSets[row]!]!
  }
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
  block: BlockRows,
  options: MergeOptions,
): BlockColumns {
  const { rows, kept, from, to, lineBytes } = block
  const rowCount = to - from
  const firstTime = rows.times[kept ? kept[from]! : from]!
  const { timestamps, lengths } = options.scratch?.columns(rowCount) ?? newColumns(rowCount)
  const lines = options.allocate(lineBytes)
  const metadata = new MetadataGatherer(sources, rowCount)
  gatherRows(sources, block, { firstTime, timestamps, lengths, lines, metadata })
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

interface BlockTarget {
  readonly firstTime: number
  readonly timestamps: Float64Array
  readonly lengths: Uint32Array
  readonly lines: Buffer
  readonly metadata: MetadataGatherer
}

/** Fills a block's columns run by run: consecutive rows of a source are copied together. */
function gatherRows(
  sources: readonly RowSource[],
  { rows, kept, from, to }: BlockRows,
  { firstTime, timestamps, lengths, lines, metadata }: BlockTarget,
): void {
  const rowCount = to - from
  let lineAt = 0
  for (let i = 0; i < rowCount; ) {
    const number = kept ? kept[from + i]! : from + i
    const { source: index, row } = rows.locate(number)
    const source = sources[index]!
    const mostRows = Math.min(rowCount - i, source.rowCount - row)
    const count = kept ? runLength(kept, from + i, mostRows) : mostRows
    for (let k = 0; k < count; k++) {
      timestamps[i + k] = rows.times[number + k]! - firstTime
      lengths[i + k] = source.lengths[row + k]!
    }
    lineAt = copyLines(lines, lineAt, source, { row, count })
    metadata.add(i, index, { row, count })
    i += count
  }
}

/** Counts the consecutive numbers starting at `at`, up to `most`. */
function runLength(numbers: Uint32Array, at: number, most: number): number {
  let count = 1
  while (count < most && numbers[at + count] === numbers[at]! + count) count++
  return count
}

/** Consecutive rows of a source. */
interface RowRun {
  readonly row: number
  readonly count: number
}

/** For fewer bytes, a loop is faster than a call to `copy`. */
const shortRunBytes = 48

/** Copies lines end to end, each followed by one `\n`. Returns where they end. */
function copyLines(
  target: Buffer,
  targetStart: number,
  { bytes, offsets, lengths, isPacked }: RowSource,
  { row, count }: RowRun,
): number {
  const endRow = row + count
  if (isPacked) {
    const start = offsets[row]!
    const end = offsets[endRow - 1]! + lengths[endRow - 1]! + 1
    bytes.copy(target, targetStart, start, end)
    return targetStart + end - start
  }
  let at = targetStart
  for (let i = row; i < endRow; i++) {
    const start = offsets[i]!
    const length = lengths[i]!
    if (length < shortRunBytes) {
      for (let k = 0; k < length; k++) target[at + k] = bytes[start + k]!
    } else bytes.copy(target, at, start, start + length)
    at += length
    target[at++] = newline
  }
  return at
}

/**
 * Joins the metadata sets of the sources into those of one block, without duplicates and unused
 * sets.
 */
class MetadataGatherer {
  readonly #sources: readonly RowSource[]
  readonly #rowSets: Uint32Array | undefined
  readonly #sets: LabelSet[] = []
  readonly #indexByText = new Map<string, number>()
  /** Source → its set index → index here plus one; 0 means not mapped yet. */
  readonly #mapped: (Uint32Array | undefined)[]

  constructor(sources: readonly RowSource[], rowCount: number) {
    this.#sources = sources
    const hasMetadata = sources.some(({ metadata }) => metadata)
    this.#rowSets = hasMetadata ? new Uint32Array(rowCount) : undefined
    this.#mapped = hasMetadata
      ? sources.map(({ metadata }) => metadata && new Uint32Array(metadata.sets.length))
      : []
  }

  /** Copies the sets of a run of the source's rows to the block's rows from `at` on. */
  add(at: number, source: number, { row, count }: RowRun): void {
    const rowSets = this.#rowSets
    if (!rowSets) return
    const metadata = this.#sources[source]!.metadata
    const mapped = this.#mapped[source]
    if (!metadata || !mapped) {
      rowSets.fill(this.#indexOf([]), at, at + count)
      return
    }
    for (let k = 0; k < count; k++) {
      const set = metadata.rowSets[row + k]!
      if (mapped[set] === 0) mapped[set] = this.#indexOf(metadata.sets[set]!) + 1
      rowSets[at + k] = mapped[set]! - 1
    }
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

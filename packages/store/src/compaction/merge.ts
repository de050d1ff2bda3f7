// Merges segments into one per tenant and day. Puts the blocks of a stream side by side, large
// enough to compress and scan well, with rows in time order, without duplicates and deleted rows.
// Handles one stream after another, so memory does not grow with the size of the segments.

import { ascending, type LabelSet, parseLabelSet } from '@skald/wire'
import { type Allocate, ScratchArena } from '../buffers.ts'
import type { PartSummary } from '../catalog/catalog.ts'
import { PartTotals } from '../catalog/catalog-parts.ts'
import { nsPerDay } from '../day.ts'
import { DeletePlan, type DeleteRule } from '../deletes/delete-rule.ts'
import { RowDeleter } from '../deletes/row-deleter.ts'
import type { LevelFields } from '../levels/line-level.ts'
import {
  blockLineBytesMax,
  keptBlockBytesLeast,
  mergeArenaBytes,
  mergeOverlapBytesMax,
} from '../limits.ts'
import type { ReadBytes } from '../segment/block.ts'
import { countRows } from '../segment/counts/count-rows.ts'
import { StoredCounts } from '../segment/counts/stored-counts.ts'
import type { KeyFinder } from '../segment/filter/key-finder.ts'
import { StoredFilters } from '../segment/filter/stored-filters.ts'
import {
  type BlockRecord,
  codecs,
  flagLevelsPending,
  type SegmentVersion,
  storedBytes,
} from '../segment/format.ts'
import { ColumnScratch, mergeRows, type RowSource } from '../segment/merge-rows.ts'
import { parseSegmentName } from '../segment/name.ts'
import { groupOverlapping } from '../segment/overlap.ts'
import type { PackedPart } from '../segment/packed-footer.ts'
import { type BlockPlace, StoredBlock } from '../segment/stored-block.ts'
import { type BlockOwner, type KnownOfBlock, SegmentWriter } from '../segment/writer.ts'
import { FilteredDeletes } from './filtered-deletes.ts'
import { verifyStored } from './verify-stored.ts'

/** A segment to merge, with what its footer says. */
export interface MergeInput {
  readonly name: string
  readonly parts: readonly PackedPart[]
}

export interface MergeContext {
  /** Reads bytes of an input into memory that `allocate` returns. */
  readonly read: (
    segment: string,
    range: { readonly offsetBytes: number; readonly length: number },
    allocate: Allocate,
  ) => Buffer
  readonly levelFields: LevelFields
  /** Makes the filters of the merged blocks. */
  readonly keys: KeyFinder
  /** Returns true for blocks to leave out, because they are damaged. None are if absent. */
  readonly isDamaged?: (segment: string, record: BlockRecord) => boolean
}

/**
 * Describes a merged segment. `replaces` names all inputs, so that an interrupted replacement can
 * be finished.
 */
export interface MergeTarget {
  readonly tenant: string
  readonly day: number
  readonly level: number
  readonly sequence: number
  readonly replaces: readonly string[]
  /** Rules for the rows to leave out. */
  readonly deletes: readonly DeleteRule[]
  /** Canonical label sets of streams to leave out. */
  readonly expired: readonly string[]
}

/** A merged segment. */
export interface Merged {
  readonly version: SegmentVersion
  readonly sizeBytes: number
  /** Its only part, without its streams; nothing if no row is left. */
  readonly part: PartSummary | undefined
}

/** Yields the bytes of the merged segment in order. Returns what it holds. */
export function* mergeSegments(
  inputs: readonly MergeInput[],
  target: MergeTarget,
  context: MergeContext,
): Generator<Buffer, Merged> {
  const { tenant, day, level, sequence, replaces } = target
  const totals = new PartTotals()
  const arena = new ScratchArena(mergeArenaBytes)
  const scratch = new ColumnScratch()
  const writer = new SegmentWriter('split', {
    keys: context.keys,
    allocate: arena.allocate,
    onBlock: (_, record) => totals.add(record),
  })
  yield writer.header
  const plan = new DeletePlan(target.deletes)
  const deleter = new RowDeleter(target.deletes)
  const known = new Map(inputs.map(input => [input.name, knownOf(input, target, context)]))
  for (const [labelsText, places] of streamsOf(inputs, target, context)) {
    const owner = { tenant, day, labelsText }
    const deletes = deletesOf(plan, places[0]!.labels, known)
    const memory = { arena, scratch }
    yield* mergeStream(places, {
      writer,
      owner,
      target,
      context,
      ...memory,
      deletes,
      deleter,
      known,
    })
  }
  const { pieces, sizeBytes } = writer.finish({ level, sequence, replaces })
  // What was yielded is in other memory.
  arena.close()
  yield* pieces
  return { version: writer.version, sizeBytes, part: totals.of(tenant, day) }
}

/** Returns true if a merge would leave out deleted or expired rows. Stops reading at the first. */
export function losesRows(
  inputs: readonly MergeInput[],
  target: MergeTarget,
  context: MergeContext,
): boolean {
  const isExpired = new Set(target.expired)
  if (isExpired.size > 0) {
    for (const part of inputs.flatMap(input => partsOf(input, target))) {
      for (let stream = 0; stream < part.streamCount; stream++) {
        if (isExpired.has(part.labelsText(stream))) return true
      }
    }
  }
  const plan = new DeletePlan(target.deletes)
  const deleter = new RowDeleter(target.deletes)
  const arena = new ScratchArena(mergeArenaBytes)
  const known = new Map(inputs.map(input => [input.name, knownOf(input, target, context)]))
  const losesRowOf = (place: MergePlace, deleted: readonly number[]) => {
    arena.reset()
    const block = openBlock(place, context, arena)
    const count = deleter.mark(block, deleted)
    block.release()
    return count > 0
  }
  try {
    for (const [, places] of streamsOf(inputs, target, context)) {
      const deletes = deletesOf(plan, places[0]!.labels, known)
      for (const place of places) {
        const deleted = deletes?.ofBlock(place)
        if (deleted === 'all') return true
        if (deleted && losesRowOf(place, deleted)) return true
      }
    }
    return false
  } finally {
    arena.close()
  }
}

/** What an input knows about its blocks. */
interface StoredKnowledge {
  readonly filters: StoredFilters
  readonly counts: StoredCounts
}

function deletesOf(
  plan: DeletePlan,
  labels: LabelSet,
  known: ReadonlyMap<string, StoredKnowledge>,
): FilteredDeletes<MergePlace> | undefined {
  const deletes = plan.ofStream(labels)
  const filterOf = ({ segment, index }: MergePlace) => known.get(segment)?.filters.of(index)
  return deletes && new FilteredDeletes({ deletes, rules: plan.rules, labels, filterOf })
}

/** Returns the parts of an input that belong to the merged segment: one, or none. */
function partsOf({ parts }: MergeInput, { tenant, day }: MergeTarget): PackedPart[] {
  return parts.filter(part => part.tenant === tenant && part.day === day)
}

function knownOf(input: MergeInput, target: MergeTarget, { read }: MergeContext): StoredKnowledge {
  const [part] = partsOf(input, target)
  const readBytes = (offsetBytes: number, length: number) =>
    read(input.name, { offsetBytes, length }, Buffer.allocUnsafe)
  return {
    filters: new StoredFilters(part?.groups.filters ?? [], readBytes),
    counts: new StoredCounts(part?.groups.counts ?? [], readBytes),
  }
}

/** A block of an input. */
interface MergePlace extends BlockPlace {
  /** Index in its part. */
  readonly index: number
  /** Whether it comes from a commit, which packs less well. */
  readonly isFresh: boolean
}

/** The streams of one input's part in order, and the next one. */
class StreamCursor {
  readonly name: string
  readonly part: PackedPart
  readonly isFresh: boolean
  /** Label set of the next stream; nothing at the end. */
  text: string | undefined
  readonly #order: Uint32Array
  #at = 0

  constructor(name: string, part: PackedPart) {
    this.name = name
    this.part = part
    this.isFresh = parseSegmentName(name)?.level === 0
    this.#order = part.sortedStreams()
    this.#readText()
  }

  /** Returns the index of the next stream, and goes on to the one after it. */
  take(): number {
    const stream = this.#order[this.#at++]!
    this.#readText()
    return stream
  }

  #readText(): void {
    const stream = this.#order[this.#at]
    this.text = stream === undefined ? undefined : this.part.labelsText(stream)
  }
}

/**
 * Yields the streams of all inputs, sorted by text, and the blocks of each in order of arrival. Parses labels and
 * records one stream at a time, because there may be very many.
 */
function* streamsOf(
  inputs: readonly MergeInput[],
  target: MergeTarget,
  { isDamaged }: MergeContext,
): Generator<[labelsText: string, places: MergePlace[]]> {
  const isExpired = new Set(target.expired)
  const cursors = inputs.flatMap(input =>
    partsOf(input, target).map(part => new StreamCursor(input.name, part)),
  )
  for (;;) {
    let next: string | undefined
    for (const { text } of cursors) {
      if (text !== undefined && (next === undefined || ascending(text, next) < 0)) next = text
    }
    if (next === undefined) return
    const labels = parseLabelSet(next)
    const places: MergePlace[] = []
    for (const cursor of cursors) {
      const { name, part, isFresh } = cursor
      while (cursor.text === next) {
        const stream = cursor.take()
        for (const [i, record] of part.records(stream).entries()) {
          if (isDamaged?.(name, record)) continue
          places.push({
            segment: name,
            record,
            labels,
            index: part.firstBlock(stream) + i,
            isFresh,
          })
        }
      }
    }
    if (isExpired.has(next) || places.length === 0) continue
    yield [next, places.sort((a, b) => a.record.sequence - b.record.sequence)]
  }
}

interface StreamMerge {
  readonly writer: SegmentWriter
  readonly owner: BlockOwner
  readonly target: MergeTarget
  readonly context: MergeContext
  /** Memory for what is read and built for one batch of blocks. */
  readonly arena: ScratchArena
  readonly scratch: ColumnScratch
  readonly deletes: FilteredDeletes<MergePlace> | undefined
  readonly deleter: RowDeleter
  /** Name of an input → what it knows about its blocks. */
  readonly known: ReadonlyMap<string, StoredKnowledge>
}

function* mergeStream(all: readonly MergePlace[], merge: StreamMerge): Generator<Buffer> {
  const { writer, owner, target, context, arena, scratch, deletes } = merge
  const places = deletes ? all.filter(place => deletes.ofBlock(place) !== 'all') : all
  let waiting: MergePlace[] = []
  let waitingBytes = 0
  const flush = function* (): Generator<Buffer> {
    if (waiting.length === 0) return
    const { sequence } = waiting.reduce((a, b) =>
      a.record.sequence > b.record.sequence ? a : b,
    ).record
    arena.reset()
    const blocks = waiting.map(place => openBlock(place, context, arena))
    const merged = mergeRows(
      blocks.map((block, i) => readRows(block, waiting[i]!, merge)),
      {
        dayStartNs: BigInt(target.day) * nsPerDay,
        flags: 0,
        sequence,
        lineBytesMax: blockLineBytesMax,
        allocate: arena.allocate,
        scratch,
      },
    )
    for (const block of merged) yield* writer.add(owner, block)
    for (const block of blocks) block.release()
    waiting = []
    waitingBytes = 0
  }
  for (const group of groupOverlapping(places, ({ record }) => record)) {
    const groupBytes = group.reduce((sum, { record }) => sum + record.lineBytes, 0)
    const takeOver = (group.length === 1 && isGood(group[0]!)) || groupBytes > mergeOverlapBytesMax
    if (takeOver) {
      yield* flush()
      for (const place of group) {
        if (deletes?.ofBlock(place)) {
          waiting.push(place)
          yield* flush()
          continue
        }
        const { segment, record } = place
        const range = { offsetBytes: record.offsetBytes, length: storedBytes(record) }
        const bytes = context.read(segment, range, Buffer.allocUnsafeSlow)
        // Otherwise the damage would move into a new segment, and the old one be deleted.
        verifyStored(segment, record, bytes)
        yield* writer.addEncoded(owner, record, knownOfBlock(place, merge))
        yield bytes
      }
      continue
    }
    waiting.push(...group)
    waitingBytes += groupBytes
    if (waitingBytes >= blockLineBytesMax) yield* flush()
  }
  yield* flush()
}

/**
 * Returns what is known about a block that is taken over: from its segment, or found again. Nothing if its
 * levels are pending, because they depend on the configuration of whoever reads it.
 */
function knownOfBlock(place: MergePlace, { known, context, arena, target }: StreamMerge) {
  const { record, segment, index } = place
  if ((record.flags & flagLevelsPending) !== 0) return { filter: undefined, counts: undefined }
  const stored = known.get(segment)
  const filter = stored?.filters.of(index)
  const counts = stored?.counts.of(index)
  if (filter && counts) return { filter, counts }
  arena.reset()
  const block = openBlock(place, context, arena)
  const found: KnownOfBlock = {
    filter: filter ?? makeFilter(block, context),
    counts: counts ?? makeCounts(block, target),
  }
  block.release()
  return found
}

function makeFilter(block: StoredBlock, { keys }: MergeContext): KnownOfBlock['filter'] {
  const lines = { lines: block.lines().bytes, lengths: block.lineLengths() }
  return keys.filterOf(lines, block.metadata().sets)
}

function makeCounts(block: StoredBlock, { day }: MergeTarget): KnownOfBlock['counts'] {
  const { flags, minNs, sections } = block.record
  const columns = {
    ...{ flags, minNs, timestamps: block.timestamps() },
    ...{ lengths: block.lineLengths(), metadata: block.metadata() },
  }
  return countRows(columns, day, sections.at(-1)!.storedBytes)
}

function isGood({ record, isFresh }: MergePlace): boolean {
  const lines = record.sections.at(-1)!
  return (
    !isFresh &&
    record.lineBytes >= keptBlockBytesLeast &&
    (record.flags & flagLevelsPending) === 0 &&
    lines.codec !== codecs.raw
  )
}

function shiftTimes(times: Float64Array, by: number): Float64Array {
  for (let row = 0; row < times.length; row++) times[row]! += by
  return times
}

/** Opens a block in memory of the arena, reading all of its sections at once. */
function openBlock(place: BlockPlace, context: MergeContext, arena: ScratchArena): StoredBlock {
  const { offsetBytes } = place.record
  const range = { offsetBytes, length: storedBytes(place.record) }
  const bytesOfBlock = context.read(place.segment, range, arena.allocate)
  const read: ReadBytes = (offset, length) =>
    bytesOfBlock.subarray(offset - offsetBytes, offset - offsetBytes + length)
  return new StoredBlock(place, read, context.levelFields, arena.allocate)
}

/** Returns the rows of a block that are kept, with times since the day's start. */
function readRows(
  block: StoredBlock,
  place: MergePlace,
  { target, deletes, deleter }: StreamMerge,
): RowSource {
  const { day } = target
  const deleted = deletes?.ofBlock(place)
  if (deleted && deleted !== 'all') deleter.mark(block, deleted)
  const sinceDayStart = Number(block.minNs - BigInt(day) * nsPerDay)
  const timestamps = shiftTimes(block.timestamps(), sinceDayStart)
  const { bytes, offsets } = block.lines()
  const rows: RowSource = {
    rowCount: block.rowCount,
    timestamps,
    bytes,
    offsets,
    lengths: block.lineLengths(),
    isPacked: true,
    metadata: block.metadata(),
  }
  return block.skip ? withoutRows(rows, block.skip) : rows
}

/** Returns the rows that are not marked. */
function withoutRows(rows: RowSource, marks: Uint8Array): RowSource {
  const kept = Uint32Array.from({ length: rows.rowCount }, (_, row) => row).filter(
    row => marks[row] === 0,
  )
  const { metadata } = rows
  return {
    rowCount: kept.length,
    timestamps: Float64Array.from(kept, row => rows.timestamps[row]!),
    bytes: rows.bytes,
    offsets: Uint32Array.from(kept, row => rows.offsets[row]!),
    lengths: Uint32Array.from(kept, row => rows.lengths[row]!),
    isPacked: false,
    metadata: metadata && {
      sets: metadata.sets,
      rowSets: Uint32Array.from(kept, row => metadata.rowSets[row]!),
    },
  }
}

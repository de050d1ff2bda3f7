// Checks one segment file: every checksum in it, and whether its parts fit together. Holds the footer and one
// block in memory. docs/segment-format.md has the rules.

import { formatRfc3339 } from '@skald/go-dialect'
import { ascending, formatLabelSet, parseLabelSet } from '@skald/wire'
import { dayOf } from '../day.ts'
import { CorruptionError } from '../errors.ts'
import { BlockReader } from '../segment/block.ts'
import {
  type BlockRecord,
  decodeTrailer,
  headerBytes,
  type SectionName,
  type SegmentFooter,
  type SegmentPart,
  sectionNames,
  storedBytes,
  trailerBytes,
} from '../segment/format.ts'
import { readFooter } from '../segment/reader.ts'
import { checkCounts, checkFilters } from './group-check.ts'
import type { SegmentFault } from './segment-fault.ts'
import type { SegmentFile } from './segment-file.ts'

export interface SegmentCheckOptions {
  readonly onFault: (fault: SegmentFault) => void
  /** Called with the bytes that were checked. */
  readonly onBytes?: (bytes: number) => void
  /** Whether to unpack all lines too. Their checksums are always checked. */
  readonly isDeep?: boolean
}

/**
 * Checks a segment. Returns its footer, or `undefined` if that cannot be read: then nothing else can be checked.
 * @throws the system's error when the file cannot be read.
 */
export async function checkSegment(
  file: SegmentFile,
  options: SegmentCheckOptions,
): Promise<SegmentFooter | undefined> {
  const { onFault, onBytes } = options
  const { name, sizeBytes } = file
  let footer: SegmentFooter
  try {
    footer = await readFooter(name, sizeBytes, async (offset, length) => file.read(offset, length))
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    onFault(endFault(error, sizeBytes))
    return undefined
  }
  for (const what of layoutFaults(file, footer)) onFault(footerFault(file, what))
  for (const part of footer.parts) {
    for (const what of partFaults(part, footer)) onFault(footerFault(file, what))
    for (const [i, record] of part.blocks.entries()) {
      checkBlock(file, { part, record, index: i }, options)
      onBytes?.(storedBytes(record))
    }
    for (const record of part.filters) {
      checkFilters(file, part, record, onFault)
      onBytes?.(record.storedBytes)
    }
    for (const record of part.counts) {
      checkCounts(file, part, record, onFault)
      onBytes?.(record.storedBytes)
    }
  }
  return footer
}

function endFault({ offsetBytes, why }: CorruptionError, sizeBytes: number): SegmentFault {
  const thing =
    offsetBytes === 0 ? 'header' : offsetBytes === sizeBytes - trailerBytes ? 'trailer' : 'footer'
  return { thing, where: thing, offsetBytes, what: why }
}

function footerFault(file: SegmentFile, what: string): SegmentFault {
  return { thing: 'footer', where: 'footer', offsetBytes: footerOffsetOf(file), what }
}

function footerOffsetOf(file: SegmentFile): number {
  const trailer = file.read(file.sizeBytes - trailerBytes, trailerBytes)
  return decodeTrailer(file.name, trailer, file.sizeBytes).footerOffset
}

/** Checks that blocks, filters and counts lie end to end between header and footer. */
function* layoutFaults(file: SegmentFile, { parts }: SegmentFooter): Generator<string> {
  const pieces: { at: number; bytes: number }[] = []
  for (const { blocks, filters, counts } of parts) {
    for (const block of blocks) pieces.push({ at: block.offsetBytes, bytes: storedBytes(block) })
    for (const group of [...filters, ...counts])
      pieces.push({ at: group.offsetBytes, bytes: group.storedBytes })
  }
  pieces.sort((a, b) => a.at - b.at)
  let end = headerBytes
  for (const { at, bytes } of [...pieces, { at: footerOffsetOf(file), bytes: 0 }]) {
    if (at > end) yield `nothing refers to the ${at - end} bytes at byte ${end}`
    if (at < end) yield `two pieces share the bytes from ${at} to ${end}`
    end = Math.max(end, at + bytes)
  }
}

function* partFaults(part: SegmentPart, footer: SegmentFooter): Generator<string> {
  const { tenant, day, streams, blocks } = part
  const name = `part of tenant ${JSON.stringify(tenant)} and day ${day}`
  const at = footer.parts.indexOf(part)
  const before = footer.parts[at - 1]
  if (before && (ascending(before.tenant, tenant) || before.day - day) >= 0)
    yield `${name}: not sorted`
  if (footer.level > 0 && at > 0) yield `${name}: a compacted segment has one part`
  if (blocks.length === 0) yield `${name}: no blocks`
  for (const [i, labels] of streams.entries()) {
    if (i > 0 && ascending(streams[i - 1]!, labels) >= 0)
      yield `${name}: the stream ${labels} is not sorted`
    const why = labelsFault(labels)
    if (why) yield `${name}: the labels ${labels} ${why}`
  }
  for (const [i, block] of blocks.entries()) {
    const of = `${name}: block ${i}`
    if (i > 0 && blocks[i - 1]!.stream > block.stream) yield `${of} is not sorted by stream`
    if (block.sequence > footer.sequence)
      yield `${of}: sequence ${block.sequence} is above that of the segment, ${footer.sequence}`
    if (block.rowCount < 1) yield `${of} has no rows`
    if (block.minNs > block.maxNs) yield `${of} ends before it begins`
    if (dayOf(block.minNs) !== day || dayOf(block.maxNs) !== day)
      yield `${of}: ${spanOf(block)} is not within the day`
  }
}

function labelsFault(text: string): string | undefined {
  try {
    return formatLabelSet(parseLabelSet(text)) === text ? undefined : 'are not canonical'
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`
  }
}

function spanOf({ minNs, maxNs }: BlockRecord): string {
  return `${formatRfc3339(minNs)} to ${formatRfc3339(maxNs)}`
}

/** A block, and where it is. */
interface CheckedBlock {
  readonly part: SegmentPart
  readonly record: BlockRecord
  readonly index: number
}

function checkBlock(
  file: SegmentFile,
  { part, record, index }: CheckedBlock,
  { onFault, isDeep = false }: SegmentCheckOptions,
): void {
  const start = record.offsetBytes
  const bytes = file.read(start, storedBytes(record))
  const reader = new BlockReader(file.name, record, (offset, length) =>
    bytes.subarray(offset - start, offset - start + length),
  )
  const labels = part.streams[record.stream]
  const block = `block ${index} of ${labels} (tenant ${JSON.stringify(part.tenant)}, ${spanOf(record)})`
  let isSound = true
  const attempt = (section: SectionName, check: () => string | undefined) => {
    const fault = { thing: 'block', where: `${block}, ${section}`, lines: record.rowCount } as const
    try {
      const what = check()
      if (what === undefined) return
      onFault({ ...fault, offsetBytes: offsetOf(record, section), what })
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error
      onFault({ ...fault, offsetBytes: error.offsetBytes, what: error.why })
    }
    isSound = false
  }
  for (const section of sectionNames) {
    attempt(section, () => {
      reader.verify([section])
      return undefined
    })
  }
  if (!isSound) return
  attempt('timestamps', () => timesFault(reader.timestamps(), record))
  attempt('lengths', () => lengthsFault(reader.lengths(), record))
  attempt('rowSets', () => metadataFault(reader, record))
  if (isDeep && isSound) attempt('lines', () => linesFault(reader))
  reader.release()
}

function offsetOf({ offsetBytes, sections }: BlockRecord, wanted: SectionName): number {
  const before = sections.slice(0, sectionNames.indexOf(wanted))
  return before.reduce((at, section) => at + section.storedBytes, offsetBytes)
}

/** Times are stored as differences that are never negative, so they are sorted if the ends fit. */
function timesFault(times: Float64Array, { minNs, maxNs }: BlockRecord): string | undefined {
  if (times[0] !== 0) return 'the first time is not that of the footer'
  const lastNs = minNs + BigInt(times.at(-1)!)
  if (lastNs === maxNs) return undefined
  return `the last time is ${formatRfc3339(lastNs)}, and in the footer ${formatRfc3339(maxNs)}`
}

function lengthsFault(
  lengths: Uint32Array,
  { lineBytes, rowCount, sections }: BlockRecord,
): string | undefined {
  let sum = 0
  for (const length of lengths) sum += length
  if (sum !== lineBytes) return `lines of ${sum} bytes, and in the footer of ${lineBytes}`
  const raw = sections[sectionNames.indexOf('lines')]!.rawBytes
  return raw === sum + rowCount ? undefined : `lines of ${sum + rowCount} bytes, stored are ${raw}`
}

function metadataFault(reader: BlockReader, { metadataPairs }: BlockRecord): string | undefined {
  const { sets, rowSets } = reader.metadata()
  let pairs = 0
  for (const set of rowSets) pairs += sets[set]!.length
  return metadataPairs === undefined || metadataPairs === pairs
    ? undefined
    : `${pairs} pairs of metadata, and in the footer ${metadataPairs}`
}

function linesFault(reader: BlockReader): string | undefined {
  const lines = reader.lines()
  const newline = 10
  let end = 0
  for (const [row, length] of reader.lengths().entries()) {
    end += length + 1
    if (lines[end - 1] !== newline) return `line ${row} does not end where its length says`
  }
  return end === lines.length ? undefined : `${lines.length} bytes of lines instead of ${end}`
}

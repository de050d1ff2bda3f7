// Describes one segment file: its parts, streams, blocks and columns with their sizes. Holds the footer in memory,
// and reads the lines of one block at a time.

import { crc32 } from 'node:zlib'
import { CorruptionError, UpkeepError } from '../errors.ts'
import { CountGroupReader } from '../segment/counts/count-group.ts'
import { FilterGroupReader } from '../segment/filter/filter-group.ts'
import {
  type BlockRecord,
  codecs,
  flagLevelsPending,
  headerBytes,
  type SectionName,
  type SegmentFooter,
  type SegmentPart,
  sectionNames,
  storedBytes,
  versionOfHeader,
} from '../segment/format.ts'
import { readFooter } from '../segment/reader.ts'
import { type SplitShape, splitShapeOf } from '../segment/split/split-shape.ts'
import { wrongPath } from './data-place.ts'
import { SegmentFile } from './segment-file.ts'

export type { SplitShape } from '../segment/split/split-shape.ts'

/** How a column is stored. */
export type CodecName = keyof typeof codecs

/** A segment without its parts. */
export interface SegmentHead {
  readonly file: string
  readonly sizeBytes: number
  readonly version: number
  readonly level: number
  readonly sequence: number
  readonly replaces: readonly string[]
  readonly parts: number
}

/** One column of a block. */
export interface SectionInfo {
  readonly name: SectionName
  readonly codec: CodecName
  readonly storedBytes: number
  readonly rawBytes: number
}

/** A block. Times are nanoseconds since 1970. */
export interface BlockInfo {
  readonly index: number
  readonly labels: string
  readonly offsetBytes: number
  readonly storedBytes: number
  readonly sequence: number
  readonly rows: number
  readonly lineBytes: number
  readonly minNs: bigint
  readonly maxNs: bigint
  /** Absent in files from before pairs were counted. */
  readonly metadataPairs: number | undefined
  readonly isLevelPending: boolean
  /** Without columns that are absent. */
  readonly sections: readonly SectionInfo[]
  /** How its lines are split; absent if they are not. */
  readonly split: SplitShape | undefined
  /** Why its split lines cannot be read. */
  readonly fault: string | undefined
}

/** A stream of a part. */
export interface StreamInfo {
  readonly labels: string
  readonly blocks: number
  readonly rows: number
  readonly lineBytes: number
  readonly storedBytes: number
  readonly minNs: bigint
  readonly maxNs: bigint
}

/** The filters of some blocks. */
export interface FilterInfo {
  readonly firstBlock: number
  readonly blockCount: number
  readonly offsetBytes: number
  readonly storedBytes: number
  /** Blocks with a filter. */
  readonly filters: number
  readonly fault: string | undefined
}

/** The counts of some blocks. */
export interface CountInfo {
  readonly firstBlock: number
  readonly blockCount: number
  readonly offsetBytes: number
  readonly storedBytes: number
  /** Blocks with counts. */
  readonly counted: number
  /** Length of a cell in seconds → blocks with such cells. */
  readonly cells: Readonly<Record<string, number>>
  readonly fault: string | undefined
}

/** A part of a segment: one tenant and day. */
export interface PartInfo {
  readonly tenant: string
  /** Days since 1970. */
  readonly day: number
  readonly streams: readonly StreamInfo[]
  readonly filters: readonly FilterInfo[]
  readonly counts: readonly CountInfo[]
  /** Describes the blocks one by one. */
  blocks(): Generator<BlockInfo>
}

/** A segment that is open. Close it. */
export class SegmentInspection {
  readonly #file: SegmentFile
  readonly #path: string
  readonly #footer: SegmentFooter

  constructor(file: SegmentFile, path: string, footer: SegmentFooter) {
    this.#file = file
    this.#path = path
    this.#footer = footer
  }

  head(): SegmentHead {
    const { version, level, sequence, replaces, parts } = this.#footer
    const { sizeBytes } = this.#file
    return { file: this.#path, sizeBytes, version, level, sequence, replaces, parts: parts.length }
  }

  /** Describes the parts one by one. */
  *parts(): Generator<PartInfo> {
    for (const part of this.#footer.parts) {
      const { tenant, day } = part
      yield {
        ...{ tenant, day, streams: streamsOf(part) },
        filters: part.filters.map(record => this.#filterInfo(record)),
        counts: part.counts.map(record => this.#countInfo(record)),
        blocks: () => this.#blocksOf(part),
      }
    }
  }

  *#blocksOf({ blocks, streams }: SegmentPart): Generator<BlockInfo> {
    for (const [index, record] of blocks.entries()) {
      const { offsetBytes, sequence, rowCount, lineBytes, minNs, maxNs, metadataPairs } = record
      yield {
        ...{
          index,
          labels: streams[record.stream]!,
          offsetBytes,
          storedBytes: storedBytes(record),
        },
        ...{ sequence, rows: rowCount, lineBytes, minNs, maxNs, metadataPairs },
        isLevelPending: (record.flags & flagLevelsPending) !== 0,
        sections: sectionsOf(record),
        ...this.#splitOf(record),
      }
    }
  }

  #splitOf(record: BlockRecord): Pick<BlockInfo, 'split' | 'fault'> {
    const lines = record.sections.at(-1)!
    if (lines.codec !== codecs.split) return { split: undefined, fault: undefined }
    const end = record.offsetBytes + storedBytes(record)
    try {
      const section = this.#file.read(end - lines.storedBytes, lines.storedBytes)
      if (crc32(section) !== lines.crc) throw new RangeError('the checksum of the lines is wrong')
      return { split: splitShapeOf(section), fault: undefined }
    } catch (error) {
      return { split: undefined, fault: (error as Error).message }
    }
  }

  #filterInfo(record: SegmentPart['filters'][number]): FilterInfo {
    const { firstBlock, blockCount, offsetBytes, storedBytes: bytes } = record
    const place = { firstBlock, blockCount, offsetBytes, storedBytes: bytes }
    try {
      const group = new FilterGroupReader(record, (offset, length) =>
        this.#file.read(offset, length),
      )
      const filters = group.tables().reduce((sum, { blocks }) => sum + blocks.length, 0)
      return { ...place, filters, fault: undefined }
    } catch (error) {
      return { ...place, filters: 0, fault: (error as Error).message }
    }
  }

  #countInfo(record: SegmentPart['counts'][number]): CountInfo {
    const { firstBlock, blockCount, offsetBytes, storedBytes: bytes } = record
    const place = { firstBlock, blockCount, offsetBytes, storedBytes: bytes }
    const cells: Record<string, number> = {}
    let counted = 0
    try {
      const group = new CountGroupReader(record, this.#file.read(offsetBytes, bytes))
      for (let block = 0; block < blockCount; block++) {
        const counts = group.countsOf(block)
        if (!counts) continue
        counted++
        const seconds = String(counts.cellNs / 1e9)
        cells[seconds] = (cells[seconds] ?? 0) + 1
      }
      return { ...place, counted, cells, fault: undefined }
    } catch (error) {
      return { ...place, counted, cells, fault: (error as Error).message }
    }
  }

  close(): void {
    this.#file.close()
  }
}

/**
 * Opens a segment file.
 * @throws UpkeepError when it is no segment, or damaged; the system's error when it cannot be read.
 */
export async function openInspection(path: string): Promise<SegmentInspection> {
  const file = new SegmentFile(path)
  try {
    if (versionOfHeader(file.read(0, headerBytes)) === undefined)
      throw wrongPath(`${path} is no segment: it does not begin like one`)
    const footer = await readFooter(file.name, file.sizeBytes, async (offset, length) =>
      file.read(offset, length),
    )
    return new SegmentInspection(file, path, footer)
  } catch (error) {
    file.close()
    if (!(error instanceof CorruptionError)) throw error
    throw new UpkeepError(
      `${path} is damaged or not complete: at byte ${error.offsetBytes}, ${error.why}. skald verify checks a whole data directory and says what to do`,
      { cause: error },
    )
  }
}

function sectionsOf({ sections }: BlockRecord): SectionInfo[] {
  const names = Object.keys(codecs) as CodecName[]
  return sections
    .map(({ codec, storedBytes: bytes, rawBytes }, i) => ({
      name: sectionNames[i]!,
      codec: names.find(name => codecs[name] === codec)!,
      storedBytes: bytes,
      rawBytes,
    }))
    .filter(section => section.storedBytes > 0)
}

function streamsOf({ streams, blocks }: SegmentPart): StreamInfo[] {
  const sums = streams.map(labels => ({
    ...{ labels, blocks: 0, rows: 0, lineBytes: 0, storedBytes: 0, minNs: 0n, maxNs: 0n },
  }))
  for (const block of blocks) {
    const sum = sums[block.stream]!
    if (sum.blocks === 0 || block.minNs < sum.minNs) sum.minNs = block.minNs
    if (sum.blocks === 0 || block.maxNs > sum.maxNs) sum.maxNs = block.maxNs
    sum.blocks++
    sum.rows += block.rowCount
    sum.lineBytes += block.lineBytes
    sum.storedBytes += storedBytes(block)
  }
  return sums
}

// Encodes the footer of a segment block by block, so that a segment with very many blocks needs memory for
// the bytes of its footer, and not for the records.

import { crc32 } from 'node:zlib'
import { footerPieceBytes } from '../limits.ts'
import { ByteWriter } from './bytes.ts'
import type { CountRecord } from './counts/count-group.ts'
import type { FilterRecord } from './filter/filter-group.ts'
import {
  type BlockRecord,
  flagPairsCounted,
  type SegmentFooter,
  type SegmentVersion,
  trailerMagics,
} from './format.ts'

/** What a footer says about the whole segment. */
export type FooterHead = Omit<SegmentFooter, 'parts' | 'version'>

interface OpenPart {
  readonly tenant: string
  readonly day: number
  readonly streams: PieceWriter
  readonly blocks: PieceWriter
  readonly filters: FilterRecord[]
  readonly counts: CountRecord[]
  streamCount: number
  blockCount: number
}

/** Writes into pieces. A single buffer would be copied each time it doubles, and exist twice then. */
class PieceWriter {
  readonly #writer = new ByteWriter()
  readonly #full: Buffer[] = []

  add(write: (writer: ByteWriter) => void): void {
    write(this.#writer)
    if (this.#writer.length < footerPieceBytes) return
    this.#full.push(Buffer.from(this.#writer.finish()))
    this.#writer.advance(0)
  }

  /** Returns what was written. */
  finish(): Buffer[] {
    return [...this.#full, this.#writer.finish()]
  }
}

/** Begin a part, add its streams and blocks in order, then begin the next. */
export class FooterWriter {
  readonly #version: SegmentVersion
  readonly #parts: OpenPart[] = []

  constructor(version: SegmentVersion) {
    this.#version = version
  }

  beginPart(tenant: string, day: number): void {
    this.#parts.push({
      ...{ tenant, day, streams: new PieceWriter(), blocks: new PieceWriter() },
      ...{ filters: [], counts: [], streamCount: 0, blockCount: 0 },
    })
  }

  /** Adds the next stream of the last part. Returns its index. */
  addStream(labelsText: string): number {
    const part = this.#last
    part.streams.add(writer => writer.text(labelsText))
    return part.streamCount++
  }

  /** Adds the next block of the last part. */
  addBlock(record: BlockRecord): void {
    const part = this.#last
    part.blocks.add(writer => encodeBlockRecord(writer, record))
    part.blockCount++
  }

  /** Adds the next group of filters of a part. */
  addFilters(part: number, record: FilterRecord): void {
    this.#parts[part]!.filters.push(record)
  }

  /** Adds a group of counts to a part. */
  addCounts(part: number, record: CountRecord): void {
    this.#parts[part]!.counts.push(record)
  }

  /** Returns footer and trailer as pieces of bytes. */
  finish({ level, sequence, replaces }: FooterHead): Buffer[] {
    const pieces: Buffer[] = []
    const add = (write: (writer: ByteWriter) => void) => {
      const writer = new ByteWriter(256)
      write(writer)
      pieces.push(writer.finish())
    }
    add(writer => {
      writer.varint(level)
      writer.varint(sequence)
      writer.varint(replaces.length)
      for (const name of replaces) writer.text(name)
      writer.varint(this.#parts.length)
    })
    for (const { tenant, day, streams, streamCount, blocks, blockCount, filters } of this.#parts) {
      add(writer => {
        writer.text(tenant)
        writer.varint(day)
        writer.varint(streamCount)
      })
      pieces.push(...streams.finish())
      add(writer => writer.varint(blockCount))
      pieces.push(...blocks.finish())
      if (this.#version >= 2) add(writer => encodeFilterRecords(writer, filters))
    }
    if (this.#version >= 2 && this.#parts.some(isRecent)) {
      for (const { counts } of this.#parts) add(writer => encodeCountRecords(writer, counts))
    }
    const bodyBytes = pieces.reduce((sum, { length }) => sum + length, 0)
    const crc = pieces.reduce((before, piece) => crc32(piece, before), 0)
    add(writer => {
      writer.u32(bodyBytes)
      writer.u32(crc)
      writer.bytes(trailerMagics[this.#version])
    })
    return pieces
  }

  get #last(): OpenPart {
    return this.#parts.at(-1)!
  }
}

function encodeBlockRecord(writer: ByteWriter, block: BlockRecord): void {
  const pairs = block.metadataPairs ?? 0
  writer.varint(block.stream)
  writer.u8(block.flags | (pairs > 0 ? flagPairsCounted : 0))
  writer.varint(block.sequence)
  writer.varint(block.rowCount)
  writer.i64(block.minNs)
  writer.i64(block.maxNs)
  writer.varint(block.lineBytes)
  if (pairs > 0) writer.varint(pairs)
  writer.varint(block.offsetBytes)
  for (const section of block.sections) {
    writer.varint(section.storedBytes)
    if (section.storedBytes === 0) continue
    writer.u8(section.codec)
    writer.varint(section.rawBytes)
    writer.u32(section.crc)
  }
}

function encodeFilterRecords(writer: ByteWriter, filters: readonly FilterRecord[]): void {
  writer.varint(filters.length)
  for (const { firstBlock, blockCount, offsetBytes, storedBytes, headBytes } of filters) {
    writer.varint(firstBlock)
    writer.varint(blockCount)
    writer.varint(offsetBytes)
    writer.varint(storedBytes)
    writer.varint(headBytes)
  }
}

/** Returns whether a part has what the first files of version 2 lack. */
function isRecent({ counts, filters }: OpenPart): boolean {
  return counts.length > 0 || filters.some(({ hasNames }) => hasNames)
}

function encodeCountRecords(writer: ByteWriter, counts: readonly CountRecord[]): void {
  writer.varint(counts.length)
  for (const { firstBlock, blockCount, offsetBytes, storedBytes, crc } of counts) {
    writer.varint(firstBlock)
    writer.varint(blockCount)
    writer.varint(offsetBytes)
    writer.varint(storedBytes)
    writer.u32(crc)
  }
}

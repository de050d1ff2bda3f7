// Checks the groups of filters and of counts of a segment.

import { crc32 } from 'node:zlib'
import { CountGroupReader, type CountRecord } from '../segment/counts/count-group.ts'
import { FilterGroupReader, type FilterRecord, pageBytes } from '../segment/filter/filter-group.ts'
import type { BlockRecord, SegmentPart } from '../segment/format.ts'
import type { SegmentFault } from './segment-fault.ts'
import type { SegmentFile } from './segment-file.ts'

type OnFault = (fault: SegmentFault) => void

function groupName({ firstBlock, blockCount }: FilterRecord | CountRecord, part: SegmentPart) {
  const last = firstBlock + blockCount - 1
  return `blocks ${firstBlock} to ${last} (tenant ${JSON.stringify(part.tenant)}, day ${part.day})`
}

/** Checks each page of a group of filters, and whether its tables fit the blocks. */
export function checkFilters(
  file: SegmentFile,
  part: SegmentPart,
  record: FilterRecord,
  onFault: OnFault,
): void {
  const { offsetBytes, storedBytes } = record
  const where = `filters of ${groupName(record, part)}`
  const fault = (what: string, at: number, place = where) =>
    onFault({ thing: 'filters', where: place, offsetBytes: offsetBytes + at, what })
  const bytes = file.read(offsetBytes, storedBytes)
  let isSound = true
  for (let at = 0; at < storedBytes; at += pageBytes) {
    const page = bytes.subarray(at, at + pageBytes)
    const end = page.length - 4
    const expected = end > 0 ? page.readUInt32LE(end) : undefined
    const actual = crc32(page.subarray(0, Math.max(end, 0)))
    if (actual === expected) continue
    isSound = false
    fault(
      `checksum of the page is ${actual.toString(16)}, expected ${expected?.toString(16)}`,
      at,
      `${where}, page ${at / pageBytes}`,
    )
  }
  if (!isSound) return
  try {
    new FilterGroupReader(record, (offset, length) =>
      bytes.subarray(offset - offsetBytes, offset - offsetBytes + length),
    ).tables()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    fault(error.message, 0)
  }
}

/** Checks a group of counts, and whether it counts the rows and bytes that its blocks have. */
export function checkCounts(
  file: SegmentFile,
  part: SegmentPart,
  record: CountRecord,
  onFault: OnFault,
): void {
  const { offsetBytes, storedBytes, firstBlock, blockCount, crc } = record
  const where = `counts of ${groupName(record, part)}`
  const fault = (what: string, place = where) =>
    onFault({ thing: 'counts', where: place, offsetBytes, what })
  const bytes = file.read(offsetBytes, storedBytes)
  const actual = crc32(bytes)
  if (actual !== crc) {
    fault(`checksum is ${actual.toString(16)}, expected ${crc.toString(16)}`)
    return
  }
  try {
    const group = new CountGroupReader(record, bytes)
    for (let i = 0; i < blockCount; i++) {
      const index = firstBlock + i
      const why = countsFault(group, i, part.blocks[index]!)
      if (why) fault(why, `${where}, block ${index}`)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    fault(error.message)
  }
}

function countsFault(
  group: CountGroupReader,
  index: number,
  { rowCount, lineBytes }: BlockRecord,
): string | undefined {
  const counts = group.countsOf(index)
  if (!counts) return undefined
  let rows = 0
  let bytes = 0
  for (const level of counts.levels) {
    for (const count of level.rows) rows += count
    for (const count of level.bytes) bytes += count
  }
  if (rows !== rowCount) return `${rows} rows are counted, the block has ${rowCount}`
  return bytes === lineBytes
    ? undefined
    : `${bytes} bytes of lines are counted, the block has ${lineBytes}`
}

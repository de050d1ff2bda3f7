// Reads every row of segment files as plain data, so that tests can compare what is on disk.

import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { labelSetToObject, parseLabelSet } from '@skald/wire'
import { LevelFields } from '../src/levels/line-level.ts'
import { FooterWriter } from '../src/segment/footer-writer.ts'
import type { BlockRecord, SegmentFooter } from '../src/segment/format.ts'
import { readFooter } from '../src/segment/reader.ts'
import { StoredBlock } from '../src/segment/stored-block.ts'

const levelFields = new LevelFields(['level'])

export interface StoredRow {
  readonly tenant: string
  readonly day: number
  readonly labels: string
  readonly timeNs: bigint
  readonly line: string
  readonly metadata: Readonly<Record<string, string>>
}

export interface ReadSegment {
  readonly footer: SegmentFooter
  readonly bytes: Buffer
  readonly rows: readonly StoredRow[]
  /** Returns the stored bytes of one block. */
  readonly blockBytes: (record: BlockRecord) => Buffer
}

/** Returns the bytes of a footer with its trailer. */
export function encodeFooter(footer: SegmentFooter): Buffer {
  const writer = new FooterWriter(footer.version)
  for (const [i, part] of footer.parts.entries()) {
    writer.beginPart(part.tenant, part.day)
    for (const labelsText of part.streams) writer.addStream(labelsText)
    for (const record of part.blocks) writer.addBlock(record)
    for (const record of part.filters) writer.addFilters(i, record)
    for (const record of part.counts) writer.addCounts(i, record)
  }
  return Buffer.concat(writer.finish(footer))
}

/** Returns the sorted names of the segment files in a directory. */
export async function segmentNames(directory: string): Promise<string[]> {
  return (await readdir(directory)).sort()
}

/** Reads one segment file completely. The rows have their `detected_level`. */
export async function readSegment(directory: string, name: string): Promise<ReadSegment> {
  return readSegmentBytes(name, readFileSync(join(directory, name)))
}

/** Reads the bytes of a segment completely. */
export async function readSegmentBytes(name: string, bytes: Buffer): Promise<ReadSegment> {
  const slice = (offset: number, length: number) => bytes.subarray(offset, offset + length)
  const footer = await readFooter(name, bytes.length, async (offset, length) =>
    slice(offset, length),
  )
  const rows: StoredRow[] = []
  for (const { tenant, day, streams, blocks } of footer.parts) {
    for (const record of blocks) {
      const labels = streams[record.stream]!
      const place = { segment: name, record, labels: parseLabelSet(labels) }
      const block = new StoredBlock(place, slice, levelFields)
      const { bytes: lineBytes, offsets } = block.lines()
      const { sets, rowSets } = block.metadata()
      const times = block.timestamps()
      for (let row = 0; row < block.rowCount; row++) {
        rows.push({
          tenant,
          day,
          labels,
          timeNs: record.minNs + BigInt(times[row]!),
          line: lineBytes.toString('utf8', offsets[row], offsets[row + 1]! - 1),
          metadata: labelSetToObject(sets[rowSets[row]!]!),
        })
      }
    }
  }
  const blockBytes = (record: BlockRecord) =>
    slice(
      record.offsetBytes,
      record.sections.reduce((sum, section) => sum + section.storedBytes, 0),
    )
  return { footer, bytes, rows, blockBytes }
}

/** Returns the rows of all segment files in a directory. */
export async function readAllRows(directory: string): Promise<StoredRow[]> {
  const rows: StoredRow[] = []
  for (const name of await segmentNames(directory)) {
    rows.push(...(await readSegment(directory, name)).rows)
  }
  return rows
}

/** Returns the identities of rows, `tenant labels time line`, sorted. */
export function identities(rows: readonly StoredRow[]): string[] {
  return rows
    .map(({ tenant, labels, timeNs, line }) => `${tenant} ${labels} ${timeNs} ${line}`)
    .sort()
}

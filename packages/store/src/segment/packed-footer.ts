// The footer of a merge's input as the bytes of the file. Records are decoded one stream at a time: a merge of
// very many streams would otherwise need hundreds of megabytes for them.

import { ascending } from '@skald/wire'
import type { ReadBytes } from './block.ts'
import { ByteReader } from './bytes.ts'
import { CheckedFooter, type FooterWindow } from './checked-footer.ts'
import { type BlockRecord, type PartGroups, readFooterBytes } from './format.ts'
import {
  decodeRecordsOf,
  type OutlinedPart,
  outlinePart,
  type PartOutline,
} from './part-outline.ts'
import { checkName, findFooter } from './reader.ts'

/** The blocks of one tenant and day. */
export class PackedPart {
  readonly groups: PartGroups
  readonly #footer: CheckedFooter
  readonly #outline: PartOutline
  /** Streams and their blocks are far apart. */
  readonly #texts: FooterWindow
  readonly #records: FooterWindow
  readonly #sequence: number | undefined

  /** @param sequence Of all blocks, if it is not the one in their records. */
  constructor(
    footer: CheckedFooter,
    { filters, counts, ...outline }: OutlinedPart,
    sequence?: number,
  ) {
    this.groups = { filters, counts }
    this.#footer = footer
    this.#outline = outline
    this.#texts = footer.openWindow()
    this.#records = footer.openWindow()
    this.#sequence = sequence
  }

  get tenant(): string {
    return this.#outline.tenant
  }

  get day(): number {
    return this.#outline.day
  }

  get streamCount(): number {
    return this.#outline.streamCount
  }

  /** Returns the canonical label set of a stream by its index. @throws CorruptionError when it was damaged since. */
  labelsText(stream: number): string {
    const { textOffsets } = this.#outline
    const bytes = this.#texts.bytes(textOffsets[stream]!, textOffsets[stream + 1]!)
    return new ByteReader(bytes).text()
  }

  /** Returns the indexes of the streams, sorted by text. */
  sortedStreams(): Uint32Array {
    const order = Uint32Array.from({ length: this.streamCount }, (_, stream) => stream)
    let before = ''
    const isSorted = order.every(stream => {
      const text = this.labelsText(stream)
      const isNext = ascending(before, text) <= 0
      before = text
      return isNext
    })
    if (isSorted) return order
    const texts = Array.from(order, stream => this.labelsText(stream))
    return order.sort((a, b) => ascending(texts[a]!, texts[b]!))
  }

  /** Returns the index of a stream's first block in the part. */
  firstBlock(stream: number): number {
    return this.#outline.firstBlocks[stream]!
  }

  /** Decodes the records of a stream's blocks. @throws CorruptionError when they are damaged. */
  records(stream: number): BlockRecord[] {
    const { blockOffsets } = this.#outline
    const ofStream = this.#records.bytes(blockOffsets[stream]!, blockOffsets[stream + 1]!)
    const records = decodeRecordsOf(ofStream, { part: this.#outline, at: stream }, this.#footer)
    const sequence = this.#sequence
    return sequence === undefined ? records : records.map(record => ({ ...record, sequence }))
  }

  /** Yields the records of all blocks. @throws CorruptionError when they are damaged. */
  *allRecords(): Generator<BlockRecord> {
    for (let stream = 0; stream < this.streamCount; stream++) yield* this.records(stream)
  }
}

/**
 * Reads and checks the footer of a segment that is `sizeBytes` long. Returns its parts, which read with `read` too.
 *
 * @param sequence Of all blocks, if it is not the one in their records.
 * @throws CorruptionError when the file is incomplete, or its head, trailer or footer is damaged.
 */
export async function readPackedParts(
  segment: string,
  sizeBytes: number,
  read: ReadBytes,
  sequence?: number,
): Promise<PackedPart[]> {
  const place = await findFooter(segment, sizeBytes, async (offset, length) => read(offset, length))
  const { footerOffset } = place
  const bytes = read(footerOffset, place.footerBytes)
  const footer = readFooterBytes(segment, { bytes, place }, reader => outlinePart(reader))
  checkName(segment, footer)
  const checked = new CheckedFooter({ segment, footerOffset, read }, bytes)
  return footer.parts.map(part => new PackedPart(checked, part, sequence))
}
